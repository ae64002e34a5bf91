package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

func connectorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "connector", Short: "The systems downstream"}
	cmd.AddCommand(connectorListCommand())
	return cmd
}

func connectorListCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "list --config FILE",
		Short: "List the connectors of a stopped bridge, and what waits for them",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listConnectors(cmd.Context(), a)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, c := range all {
					rows = append(rows, []string{
						c.Name, c.Kind, orDash(c.BaseURL), orDash(string(c.Mode)), fmt.Sprint(c.Waiting), fmt.Sprint(c.Retrying), fmt.Sprint(c.Parked), moment(c.Open),
					})
				}
				return table(out, "connector kind target mode waiting retrying parked open", rows)
			})
		},
	}
	a.configFlag(cmd)
	f.flag(cmd)
	return cmd
}

// A connectorStatus is one connector and what waits for it.
type connectorStatus struct {
	Name     string      `json:"name"`
	Kind     string      `json:"kind"`
	BaseURL  string      `json:"baseURL,omitempty"`
	Mode     schema.Mode `json:"mode,omitempty"` // as the policy in force has it; empty where it has no such connector
	Waiting  int         `json:"waiting"`        // accounts in its lane
	Retrying int         `json:"retrying"`
	Parked   int         `json:"parked"`
	Open     time.Time   `json:"open,omitzero"` // since when the oldest revocation waits for it
}

func listConnectors(ctx context.Context, a about) ([]connectorStatus, error) {
	all := []connectorStatus{}
	err := a.read(func(s stopped) error {
		var book *policy.Book
		rules, err := s.rules(ctx)
		switch {
		case err == nil:
			book = rules.Book()
		case !errors.Is(err, schema.ErrNotFound):
			return err
		}
		return s.store.View(ctx, func(r store.Reader) error {
			all = all[:0]
			lanes, err := store.LaneStats(r)
			if err != nil {
				return err
			}
			for _, c := range s.cfg.Connectors {
				status, err := readConnector(r, c, book)
				if err != nil {
					return err
				}
				status.Waiting = lanes[access.LaneAccount(c.Name)].Items
				all = append(all, status)
			}
			return nil
		})
	})
	return all, err
}

func readConnector(r store.Reader, c connectors.Config, book *policy.Book) (connectorStatus, error) {
	s := connectorStatus{Name: c.Name, Kind: c.Kind, BaseURL: strings.TrimSpace(c.BaseURL)}
	if book != nil {
		if _, ok := book.Connector(c.Name); ok {
			s.Mode = book.Mode("", c.Name)
		}
	}
	for state, n := range map[schema.State]*int{schema.Retrying: &s.Retrying, schema.Parked: &s.Parked} {
		for _, err := range store.Accounts.By(r, store.AccountState, c.Name, string(state)) {
			if err != nil {
				return s, err
			}
			*n++
		}
	}
	for account, err := range store.Accounts.By(r, store.AccountOpen, c.Name) {
		if err != nil {
			return s, err
		}
		s.Open = account.Due.Received
		break
	}
	return s, nil
}
