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
			return serve(cmd.Context(), cfg, bridge.Options{Log: logger(cmd.ErrOrStderr(), cfg.Log), Version: versionOf()})
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "configuration file")
	return cmd
}

// serve runs a bridge until ctx is done.
func serve(ctx context.Context, cfg *configs.Config, o bridge.Options) error {
	b, err := bridge.Open(ctx, cfg, o)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reloadOnHangup(watching, b)
	}()
	err = b.Run(ctx)
	stop()
	<-ended
	return errors.Join(err, b.Close())
}

// reloadOnHangup reads the policy again whenever the process is told to.
func reloadOnHangup(ctx context.Context, b *bridge.Bridge) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
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
