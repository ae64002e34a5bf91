package goals

import (
	"os"
	"runtime/pprof"
)

// profile keeps a profile of the processor's time in the file that the
// environment names, if it names one: that of the bridge, where the benchmark's
// own flags reach only the load.
func profile() (stop func()) {
	name := os.Getenv("DRAWBRIDGE_GOALS_PROFILE")
	if name == "" {
		return func() {}
	}
	file, err := os.Create(name)
	if err != nil {
		return func() {}
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}
}
