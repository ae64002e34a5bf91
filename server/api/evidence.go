package api

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"drawbridge/evidence"
	"drawbridge/evidence/pack"
	"drawbridge/schema"
)

const tarType = "application/x-tar"

// registerEvidence registers what auditors take home.
func (a *API) registerEvidence(h huma.API) {
	add(a, h, get("/evidence", "The frameworks that packs of evidence are made for"), a.listFrameworks)
	add(a, h, answers(get("/evidence/{framework}", "A pack of evidence for a framework's controls, as a tar, to be verified offline"), tarType), a.makePack)
}

// A FrameworkView is a framework that packs are made for.
type FrameworkView struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Controls int    `json:"controls" doc:"How many a pack shows evidence for."`
}

func (a *API) listFrameworks(context.Context, *struct{}) (*Reply[List[FrameworkView]], error) {
	list := List[FrameworkView]{Items: []FrameworkView{}}
	for _, name := range evidence.Frameworks() {
		f, err := evidence.FrameworkOf(name)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, FrameworkView{Name: f.Name, Title: f.Title, Controls: len(f.Controls)})
	}
	return reply(list), nil
}

type packInput struct {
	Framework string `path:"framework" maxLength:"40" doc:"soc2, iso27001, pci, 800-53, csf2, nhi10 or ai-rmf."`
	Period
	Seed       string `query:"seed" maxLength:"200" doc:"What the samples are drawn by. Without it, it follows from the log's head at the end of the period."`
	Pseudonyms bool   `query:"pseudonyms" doc:"Call people by pseudonyms."`
}

// makePack makes a pack, one at a time, in a folder of its own, and then streams that.
// Whoever reads it slowly holds up nobody and no snapshot. Where it fails half way, the
// connection is cut: half a pack is not to be taken for one.
func (a *API) makePack(ctx context.Context, in *packInput) (*huma.StreamResponse, error) {
	if a.Signer == nil {
		return nil, fmt.Errorf("this bridge has no key to sign a pack with: %w", schema.ErrUnavailable)
	}
	a.sign(ctx)
	request := evidence.Request{Framework: in.Framework, From: in.From, To: in.To, Seed: in.Seed, Pseudonyms: in.Pseudonyms}
	p, err := evidence.Prepare(ctx, evidence.Maker{Store: a.Store, Signer: a.Signer}, request)
	if err != nil {
		return nil, err
	}
	select {
	case a.packing <- struct{}{}:
	default:
		return nil, fmt.Errorf("another pack is being made; try again when it is done: %w", schema.ErrUnavailable)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer func() { <-a.packing }()
		hc.SetHeader("Content-Type", tarType)
		hc.SetHeader("Content-Disposition", `attachment; filename="`+in.Framework+`.tar"`)
		if err := streamPack(hc, p); err != nil {
			a.Log.WarnContext(ctx, "pack of evidence was cut", "request", callerOf(ctx).Request, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// longestPack is how long it may take to make a pack before the first of it is sent.
const longestPack = time.Hour

func streamPack(hc huma.Context, p evidence.Pack) (err error) {
	extend(hc, longestPack)
	// That it is being made is said at once: who asked need not wait to know.
	_ = http.NewResponseController(humaecho.Unwrap(hc).Response()).Flush() // whoever left is noticed later
	dir, err := os.MkdirTemp("", "drawbridge-pack-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m, err := p.Write(hc.Context(), dir)
	if err != nil {
		return err
	}
	out := tar.NewWriter(&patient{hc: hc, begun: time.Now()})
	for _, f := range append(m.Files, pack.File{Name: pack.ManifestFile}, pack.File{Name: pack.SignatureFile}) {
		if err := addFile(out, dir, f.Name); err != nil {
			return err
		}
	}
	return out.Close()
}

func addFile(out *tar.Writer, dir, name string) error {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o600}); err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	return err
}
