package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"drawbridge/cmd/drawbridge/internal/demo"
)

func demoCommand() *cobra.Command {
	o := demo.Options{Version: versionOf(), Explain: explanation}
	var verbose bool
	cmd := &cobra.Command{
		Use:   "demo [--once]",
		Short: "Play the whole road in one process, with nothing else installed",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			o.Colour = colourful(o.Out)
			o.Log = slog.New(slog.DiscardHandler)
			if verbose {
				o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			}
			err := demo.Run(cmd.Context(), o)
			if cannotListen(err) {
				return hint(err, "something else has that port: --listen 127.0.0.1:0 takes a free one")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&o.Once, "once", false, "end with the story; succeed only if the targets hold exactly what policy says")
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "where the bridge listens, host:port")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the bridge's own log")
	return cmd
}

// cannotListen reports whether the error is of a port that could not be had.
func cannotListen(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "listen"
}

// colourful reports whether what is written there is seen in colours.
func colourful(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
