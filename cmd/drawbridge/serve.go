package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/configs"
)

func serveCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the bridge; SIGHUP reads the policy again",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config == "" {
				return fmt.Errorf("%w: --config names the configuration file", errUsage)
			}
			cfg, err := configs.Load(config, os.LookupEnv)
			if err != nil {
				return hint(err, "drawbridge check --config %s says the same without starting anything", config)
			}
			err = serve(cmd.Context(), cfg, bridge.Options{Log: logger(cmd.ErrOrStderr(), cfg.Log), Version: versionOf()})
			if cannotListen(err) {
				return hint(err, "something else has that port: change listen in %s", config)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "configuration file")
	return cmd
}

// serve runs a bridge until ctx is done.
func serve(ctx context.Context, cfg *configs.Config, o bridge.Options) error {
	hangup := make(chan os.Signal, 1) // from here on, for the signal would end a process that does not listen for it
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	b, err := bridge.Open(ctx, cfg, o)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reload(watching, b, hangup)
	}()
	err = b.Run(ctx)
	stop()
	<-ended
	return errors.Join(err, b.Close())
}

// reload reads the policy again whenever the process is told to.
func reload(ctx context.Context, b *bridge.Bridge, told <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-told:
			if err := b.Reload(ctx); err != nil {
				b.Log.ErrorContext(ctx, "reload", "error", err)
			}
		}
	}
}

// logger writes what the configuration wants logged.
func logger(w io.Writer, cfg configs.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
