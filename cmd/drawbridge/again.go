package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/server/api"
	"drawbridge/store"
)

// errDiffers says that a decision, made again, comes to something else. It was printed.
var errDiffers = errors.New("what the log says was decided is not what the rules come to")

func auditReplayCommand() *cobra.Command {
	var a about
	var f format
	var span access.Span
	var since string
	cmd := &cobra.Command{
		Use:   "replay (ID | NUMBER | [--from NUMBER] [--to NUMBER] [--since TIME]) (--config FILE | --server URL)",
		Short: "Make decisions again from what they were made from, and compare",
		Long: "Reads what rules decided, the policy that was in force, and the facts that were kept with the\n" +
			"decision, and evaluates them again. A decision that rules did not make (what a source said, what a\n" +
			"target did, what a person chose) is passed over; one of which something was forgotten can not be made\n" +
			"again. It touches nothing; to tell a target again is connector replay.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := spanOf(&span, args, since, cmd.Flags().Changed("from") || cmd.Flags().Changed("to")); err != nil {
				return err
			}
			s := replaySummary{Items: []access.Again{}}
			if err := a.again(cmd.Context(), span, s.add); err != nil {
				return err
			}
			if err := f.print(cmd.OutOrStdout(), s, s.text(span.ID != "" || len(args) == 1)); err != nil {
				return err
			}
			if len(args) == 0 && span.From == 0 {
				if err := a.sayPruned(cmd.Context(), cmd.ErrOrStderr(), span.Since); err != nil {
					return err
				}
			}
			if s.Differs > 0 {
				return errDiffers
			}
			return nil
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().Int64Var(&span.From, "from", 0, "the first decision, by its number in the log")
	cmd.Flags().Int64Var(&span.To, "to", -1, "the last one; left out: to the end of the log")
	cmd.Flags().StringVar(&since, "since", "", "only what was decided since: a time (RFC 3339), a day, or how long ago (24h, 7d)")
	return cmd
}

// spanOf reads which decisions are meant.
func spanOf(span *access.Span, args []string, since string, numbered bool) (err error) {
	if span.Since, err = momentOf(since, time.Now()); err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return nil
	case numbered || since != "":
		return fmt.Errorf("%w: name one decision, or say from where to where", errUsage)
	}
	if seq, err := strconv.ParseInt(args[0], 10, 64); err == nil && seq >= 0 {
		span.From, span.To = seq, seq
		return nil
	}
	span.ID = args[0]
	return nil
}

// momentOf reads a time as people write it: RFC 3339, a day, or how long ago it is.
func momentOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := policy.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-time.Duration(ago)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %q is no time: write 2026-03-01T10:00:00Z, 2026-03-01, or how long ago, as 24h or 7d", errUsage, text)
}

// again has decisions made again, by the bridge or from the store of one that is
// stopped.
func (a *about) again(ctx context.Context, span access.Span, each func(access.Again) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	if c != nil {
		return c.again(ctx, span, each)
	}
	return a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			from, end, err := span.Bounds(r)
			if err != nil {
				return err
			}
			return access.NewRemaker().All(r, from, end, each)
		})
	})
}

func (c *client) again(ctx context.Context, span access.Span, each func(access.Again) error) error {
	query := url.Values{"id": {span.ID}, "limit": {"500"}}
	if span.ID == "" {
		query.Set("to", strconv.FormatInt(span.To, 10))
	}
	if !span.Since.IsZero() {
		query.Set("since", span.Since.UTC().Format(time.RFC3339Nano))
	}
	for from := span.From; ; {
		if span.ID == "" {
			query.Set("from", strconv.FormatInt(from, 10))
		}
		var page api.Replayed
		if err := c.call(ctx, http.MethodGet, at("/api/v1/log/replay", query), nil, &page); err != nil {
			return err
		}
		for _, one := range page.Items {
			if err := each(one); err != nil {
				return err
			}
		}
		if from = page.Next; from == 0 {
			return nil
		}
	}
}

// shownReplays is how many decisions one answer names at most.
const shownReplays = 1000

// A replaySummary is what came of making decisions again. Items are those that rules
// made and that did not come to the same; of one decision, it.
type replaySummary struct {
	Same    int            `json:"same"`
	Differs int            `json:"differs"`
	Unknown int            `json:"unknown"`
	Unasked int            `json:"unasked"`
	Items   []access.Again `json:"items"`

	Passed map[string]int `json:"passed,omitempty"` // of those that are not of rules, how many for which reason

	newest access.Again
}

func (s *replaySummary) add(a access.Again) error {
	s.newest = a
	switch a.Sameness {
	case access.Same:
		s.Same++
		return nil
	case access.Unasked:
		s.Unasked++
		if s.Passed == nil {
			s.Passed = map[string]int{}
		}
		s.Passed[a.Why]++
		return nil
	case access.Differs:
		s.Differs++
	case access.Unknown:
		s.Unknown++
	}
	if len(s.Items) < shownReplays {
		s.Items = append(s.Items, a)
	}
	return nil
}

func (s *replaySummary) text(one bool) func(io.Writer) error {
	return func(out io.Writer) error {
		if one && s.Same+s.Differs+s.Unknown+s.Unasked == 1 {
			_, err := fmt.Fprintln(out, againLine(s.newest))
			return err
		}
		for _, a := range s.Items {
			if _, err := fmt.Fprintln(out, againLine(a)); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(out, "%s come to the same, %d differ, %d can not be made again; %d are not of rules\n",
			plural(s.Same, "decision"), s.Differs, s.Unknown, s.Unasked)
		for _, why := range slices.Sorted(maps.Keys(s.Passed)) {
			fmt.Fprintf(out, "  %d: %s\n", s.Passed[why], why)
		}
		return err
	}
}

func againLine(a access.Again) string {
	words := fmt.Sprintf("#%d %s %s %s %s: ", a.Seq, moment(a.Time), a.Verb, a.Subject, orDash(a.Object))
	switch a.Sameness {
	case access.Same:
		return words + "the rules come to the same"
	case access.Differs:
		return words + "DIFFERS: " + a.Why
	case access.Unknown:
		return words + "can not be made again: " + a.Why
	case access.Unasked:
		return words + "not of rules: " + a.Why
	}
	return words + a.Why
}
