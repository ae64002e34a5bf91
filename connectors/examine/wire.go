package examine

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrBudget is the error of a call that would be one too many.
var ErrBudget = errors.New("the calls that were allowed are used up")

// A Wire carries a look's calls to a target that speaks HTTP: no more of them than
// its budget, and it remembers what the answers say of rates. It is safe for
// concurrent use.
type Wire struct {
	next http.RoundTripper

	mu     sync.Mutex
	budget int
	made   int
	rates  map[string]string // headers about rates, as they were last
}

// NewWire returns a wire for so many calls. With a nil next it has a transport of its
// own.
func NewWire(next http.RoundTripper, budget int) *Wire {
	if next == nil {
		next = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true}
	}
	return &Wire{next: next, budget: budget, rates: map[string]string{}}
}

// aboutRates are the headers in which targets say how often they may be called.
var aboutRates = regexp.MustCompile(`(?i)^(x-)?(rate-?limit|.*-ratelimit)|^retry-after$`)

// RoundTrip makes the call, if there is one left.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	if w.made >= w.budget {
		w.mu.Unlock()
		return nil, ErrBudget
	}
	w.made++
	w.mu.Unlock()
	answer, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, values := range answer.Header {
		if aboutRates.MatchString(name) && len(values) > 0 {
			w.rates[name] = values[0]
		}
	}
	return answer, nil
}

// Allow adds to the budget: what is to be cleaned up must not fail for want of it.
func (w *Wire) Allow(more int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.budget = max(w.budget, w.made+more)
}

// Made returns how many calls were made.
func (w *Wire) Made() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made
}

// Rates returns what the answers said of rates, empty if nothing.
func (w *Wire) Rates() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var said []string
	for _, name := range slices.Sorted(maps.Keys(w.rates)) {
		said = append(said, fmt.Sprintf("%s: %s", name, w.rates[name]))
	}
	return strings.Join(said, ", ")
}
