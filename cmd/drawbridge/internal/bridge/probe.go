package bridge

import (
	"context"
	"sync"
	"time"

	"drawbridge/connectors"
)

// probeAgain is how long after a failed probe the next one is.
const probeAgain = time.Minute

// probe asks every target whether it is there and lets the bridge in, until each
// has said so once: a wrong address or credential shows when the bridge starts, and
// not when somebody is to be cut off. Nothing waits for it.
func (b *Bridge) probe(ctx context.Context) error {
	var wg sync.WaitGroup
	for name, target := range b.targets {
		if prober, ok := target.(connectors.Prober); ok {
			wg.Go(func() { b.probeOne(ctx, name, prober) })
		}
	}
	wg.Wait()
	<-ctx.Done()
	return nil
}

func (b *Bridge) probeOne(ctx context.Context, name string, target connectors.Prober) {
	for problem := ""; ; {
		probing, cancel := context.WithTimeout(ctx, b.cfg.CareOf(name).Timeout)
		err := target.Probe(probing)
		cancel()
		if ctx.Err() != nil {
			return
		}
		b.metrics.Probed(name, err == nil)
		if err == nil {
			b.Log.InfoContext(ctx, "the target answers", "connector", name)
			return
		}
		if err.Error() != problem { // once for as long as it is the same
			problem = err.Error()
			b.Log.WarnContext(ctx, "the target does not answer, or does not let the bridge in", "connector", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(probeAgain):
		}
	}
}
