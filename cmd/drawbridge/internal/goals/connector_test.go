package goals

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"

	"drawbridge/connectors"
	"drawbridge/connectors/scim"
	"drawbridge/schema"
)

// atOnce is how many accounts are told of at once.
const atOnce = 32

// oneConnector is what telling a target costs, without what the bridge does to know what
// to tell and to remember it: the SCIM connector alone makes accounts, and disables each and
// reads it back. The limit is a pooled client that sends the same requests, ready-made, and
// looks at no answer. Each is in a process of its own.
func oneConnector(m *measure) {
	f := &fanOut{measure: m, names: connectorNames(1), told: newTargets(m)}
	var made, ended []float64
	for range m.rounds {
		making, ending := f.telling("connector")
		mostMaking, mostEnding := f.telling("teller")
		m.Logf("calls a second: %.0f that make accounts, of %.0f; %.0f that disable and read back, of %.0f", making, mostMaking, ending, mostEnding)
		made, ended = append(made, making/mostMaking), append(ended, ending/mostEnding)
	}
	m.atLeast("scim", "accounts that the connector alone makes: calls/s to those of a client", median(made), 0.5)
	m.atLeast("scim", "accounts that it disables and reads back likewise", median(ended), 0.5)
}

// telling has a process in a role make accounts and end them, and returns how many calls a
// second each was.
func (f *fanOut) telling(role string) (making, ending float64) {
	p := spawn(f, role, part{Connectors: f.names, Targets: f.told.addr, Calls: max(1, f.push/5)})
	defer p.stop()
	return f.phase(p), f.phase(p)
}

func (f *fanOut) phase(p *process) float64 {
	before := f.told.total()
	if _, err := io.WriteString(p.input.(io.Writer), "go\n"); err != nil {
		f.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(p.read(), 64)
	if err != nil {
		f.Fatal(err)
	}
	return float64(f.told.total()-before) / seconds
}

// newcomer is what a target is told of somebody, by name and by id.
func newcomer(i int) (userName, id string) {
	return fmt.Sprintf("person-%d@example.com", i), fmt.Sprintf("identity-%d", i)
}

// playConnector is the connector, with no limit that matters.
func playConnector(ctx context.Context, p part) error {
	config := p.config().Connectors[0]
	config.Profile.Concurrency = 2 * atOnce
	c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Config: config, Rate: connectors.NewRate(config.Profile.Rate)})
	if err != nil {
		return err
	}
	accounts := make([]schema.Account, p.Calls)
	defer profile()()
	return tell(p.Calls, func(i int) (err error) {
		name, id := newcomer(i)
		accounts[i], err = c.Apply(ctx, schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{
			"userName": name, "externalId": id, "displayName": "Some Person", "emails.value": name, "department": departments[0],
		}})
		return err
	}, func(i int) error {
		if _, err := c.Apply(ctx, accounts[i], schema.Account{}); err != nil {
			return err
		}
		is, err := c.(connectors.Reader).Read(ctx, accounts[i].RemoteID)
		if err == nil && is.Active {
			err = fmt.Errorf("account %d is active", i)
		}
		return err
	})
}

// playTeller is the pooled client.
func playTeller(ctx context.Context, p part) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * atOnce}}
	send := func(method, path string, body []byte) error {
		req, err := http.NewRequestWithContext(ctx, method, "http://"+p.Targets+"/"+p.Connectors[0]+"/Users"+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close()
	}
	const made = `{"active":true,"displayName":"Some Person","emails":[{"primary":true,"type":"work","value":%q}],"externalId":%q,` +
		`"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":%q},"userName":%q}`
	return tell(p.Calls, func(i int) error {
		name, id := newcomer(i)
		return send(http.MethodPost, "", fmt.Appendf(nil, made, name, id, departments[0], name))
	}, func(i int) error {
		_, id := newcomer(i)
		if err := send(http.MethodPatch, "/"+id, leaving); err != nil {
			return err
		}
		return send(http.MethodGet, "/"+id, nil)
	})
}

// tell does n things of each sort, each sort when it is told to, and says how long it took.
func tell(n int, sorts ...func(i int) error) error {
	fmt.Fprintln(os.Stdout, "ready")
	in := bufio.NewReader(os.Stdin)
	for _, do := range sorts {
		if _, err := in.ReadString('\n'); err != nil {
			return nil //nolint:nilerr // nobody wants anything
		}
		var failed atomic.Pointer[error]
		took := together(atOnce, n, func(i int) {
			if err := do(i); err != nil {
				failed.Store(&err)
			}
		})
		if err := failed.Load(); err != nil {
			return *err
		}
		fmt.Fprintln(os.Stdout, took.Seconds())
	}
	return nil
}
