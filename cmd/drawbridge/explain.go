package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
)

// shownReasons is how many decisions fit on the screen beside the rest.
const shownReasons = 15

// explanation writes why somebody has, had or lost something: the answer first,
// and then what it rests on.
func explanation(e access.Explanation) func(io.Writer) error {
	return func(out io.Writer) error {
		fmt.Fprintf(out, "%s\n\n", e.Answer)
		for _, r := range e.Roles {
			fmt.Fprintf(out, "role %s (%s): %s\n", r.Role, r.Type, standing(r))
			if r.Intent != "" {
				fmt.Fprintf(out, "  it is for: %s\n", strings.Join(strings.Fields(r.Intent), " "))
			}
		}
		if e.Account != nil {
			fmt.Fprintf(out, "account at %s: %s\n", strings.SplitN(e.Entitlement, "/", 2)[0], holding(*e.Account))
		}
		reasons, omitted := e.Decisions, e.Omitted
		if more := len(reasons) - shownReasons; more > 0 {
			reasons, omitted = reasons[more:], omitted+more
		}
		if len(reasons) > 0 {
			fmt.Fprintln(out, "\ndecisions, oldest first:")
		}
		if omitted > 0 {
			fmt.Fprintf(out, "  (%d older; -o json has more)\n", omitted)
		}
		if !e.Since.IsZero() {
			fmt.Fprintf(out, "  (before %s the log was pruned: only what was in force then is left)\n", moment(e.Since))
		}
		rows := make([][]string, len(reasons))
		for i, d := range reasons {
			rows[i] = []string{fmt.Sprintf("  #%d", d.Seq), moment(d.Time), string(d.Verb), orDash(d.Object), decided(&e, d)}
		}
		if err := columns(out, rows); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "\npolicy %s, as of %s\n", short(e.Policy), moment(e.At))
		return err
	}
}

// standing is what one role says now.
func standing(r access.RoleStanding) string {
	words := r.Reason
	if r.Outcome != "" {
		words = string(r.Outcome) + ": " + r.Reason
	}
	if len(r.Missing) > 0 {
		words += "; nobody supplied " + strings.Join(r.Missing, ", ")
	}
	for _, name := range slices.Sorted(maps.Keys(r.From)) {
		words += "; " + name + " is from " + strings.Join(r.From[name].Sources, " and ")
	}
	for _, g := range r.Grants {
		words += "; " + granted(g)
	}
	if t := r.Tombstone; t != nil {
		words += fmt.Sprintf("; revoked by %s on %s: %s", t.By, moment(t.At), t.Reason)
	}
	return words
}

func granted(g schema.Grant) string {
	words := fmt.Sprintf("granted by %s on %s", g.By, moment(g.From))
	switch {
	case !g.Ended.IsZero():
		words += fmt.Sprintf(", ended %s (%s)", moment(g.Ended), g.EndedBy)
	case !g.Until.IsZero():
		words += ", until " + moment(g.Until)
	}
	return words
}

// holding is what is known of the entitlement at its target.
func holding(h access.Holding) string {
	var words []string
	switch {
	case h.RemoteID == "":
		words = append(words, "none")
	case h.Active:
		words = append(words, "active")
	default:
		words = append(words, "disabled")
	}
	switch {
	case h.Held:
		words = append(words, "has it")
	case h.Listed:
		words = append(words, "so without it, though the target lists it")
	default:
		words = append(words, "does not have it")
	}
	if h.Held && !h.Managed {
		words = append(words, "not from us")
	}
	words = append(words, string(h.State))
	if h.Problem != "" {
		words = append(words, strings.ReplaceAll(h.Problem, "\n", "; "))
	}
	if h.Verified {
		words = append(words, "read back")
	}
	switch {
	case !h.LastUsed.IsZero() && h.ToldBy != "":
		words = append(words, "last used "+moment(h.LastUsed)+" as "+strings.Replace(h.ToldBy, "/", " ", 1)+" says")
	case !h.LastUsed.IsZero():
		words = append(words, "last used "+moment(h.LastUsed))
	case h.Seen:
		words = append(words, "not seen to be used")
	}
	if took := h.Last.Exposure(); took > 0 && h.Last.Ends {
		words = append(words, "last revocation took "+took.Round(time.Microsecond).String())
	}
	if !h.Observed.IsZero() {
		words = append(words, "as of "+moment(h.Observed))
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ", ")
}

// decided is why one decision was made.
func decided(e *access.Explanation, d access.Reason) string {
	var words []string
	if d.Reason != "" {
		words = append(words, d.Reason)
	}
	if d.Words != "" {
		words = append(words, fmt.Sprintf("%q", d.Words))
	}
	if d.Ticket != "" {
		words = append(words, "ticket "+d.Ticket)
	}
	for _, a := range d.Approvals {
		words = append(words, "approved by "+e.Called(a.By))
	}
	if d.Exposure != "" {
		words = append(words, "exposure "+d.Exposure)
	}
	words = append(words, "by "+d.Actor)
	return strings.Join(words, "; ")
}

// short is a digest as far as people tell one from another.
func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
