package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestBucketsRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(2, 3, 10)
		for i := range 3 {
			if _, ok := b.take("a"); !ok {
				t.Errorf("take %d of 3 was refused", i)
			}
		}
		wait, ok := b.take("a")
		if ok || wait != 500*time.Millisecond {
			t.Errorf("the fourth: %v, wait %v; want refused for 500ms", ok, wait)
		}
		if _, ok := b.take("b"); !ok {
			t.Error("another name pays for the first")
		}
		<-time.After(wait)
		if _, ok := b.take("a"); !ok {
			t.Error("refused after the wait that was asked for")
		}
	})
}

func TestBucketsAreBounded(t *testing.T) {
	b := newBuckets(1, 1, 100)
	b.take("first")
	for i := range 10_000 {
		b.take(fmt.Sprint(i))
	}
	if len(b.byName) != 100 || b.recent.Len() != 100 {
		t.Errorf("%d names and %d buckets are kept, want 100", len(b.byName), b.recent.Len())
	}
	if _, ok := b.byName["9999"]; !ok {
		t.Error("the last used is not among them")
	}
}

func TestNoLimit(t *testing.T) {
	b := newBuckets(-1, 0, 1)
	for range 1000 {
		if _, ok := b.take("a"); !ok {
			t.Fatal("a negative rate refuses")
		}
	}
}

func TestAddressKey(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7":         "192.0.2.7",
		"::ffff:192.0.2.7":  "192.0.2.7",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"2001:db8:1:2:9::9": "2001:db8:1:2::/64",
		"fe80::1%eth0":      "fe80::/64",
		"not an address":    "unknown",
		"":                  "unknown",
	} {
		if got := addressKey(remote); got != want {
			t.Errorf("addressKey(%q) = %q, want %q", remote, got, want)
		}
	}
}
