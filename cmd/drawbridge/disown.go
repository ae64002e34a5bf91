package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"drawbridge/access/erasure"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

func storeDisownCommand() *cobra.Command {
	var a about
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "disown-keys --reason WHY --config FILE [--dry-run]",
		Short: "Begin anew with other keys of people, where the store's own are lost",
		Long: "A bridge does not start without the keys that it sealed what is known of people with. Put them back, if\n" +
			"you can. Where they are lost, this lets it begin with new ones. What was sealed can not be read any more:\n" +
			"the decisions stay, and can be verified, without what they were made from and what people said.\n" +
			"Should the old keys be found later, the store is not opened with them: what was destroyed of them may be back.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			cfg, err := a.configuration()
			if err != nil {
				return err
			}
			if err := thereIs(cfg.Store.Path); err != nil {
				return err
			}
			engine, err := bolt.Open(cfg.Store.Path, bolt.Options{})
			if err != nil {
				return err
			}
			s, err := store.Open(engine) // without any
			if err != nil {
				return err
			}
			people := 0
			err = stopped{cfg, s}.try(cmd.Context(), dryRun, func(tx store.Tx) (err error) {
				people, err = erasure.DisownKeys(tx, local(), reason)
				return err
			})
			if err := errors.Join(err, s.Close()); err != nil {
				return err
			}
			if dryRun {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the keys of %d people would be disowned\n", people)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the keys of %d people are disowned; should %s still be there, put it away before the bridge starts\n", people, cfg.Store.KeysFile())
			return err
		},
	}
	a.configFlag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say of how many people, and do nothing")
	return cmd
}
