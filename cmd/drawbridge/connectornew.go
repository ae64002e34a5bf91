package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"drawbridge/configs"
	"drawbridge/schema"
)

func connectorNewCommand() *cobra.Command {
	var n connectorNew
	cmd := &cobra.Command{
		Use:   "new (--profile NAME | --kind KIND) [--name NAME] [--out DIR | --into FILE]",
		Short: "Write a configuration and a Connector document for a target, to fill in",
		Long: "Writes how a target is reached (DIR/drawbridge.yaml, or DIR/NAME.connector.yaml where there is one) and what\n" +
			"of it is governed (DIR/policy/connectors/NAME.yaml), with a comment for each blank. Nothing is overwritten.\n" +
			"With --into FILE the entry is added to that configuration, of which all else stays as it is, to the letter; what\n" +
			"of it is governed goes into the policy beside it.\n" +
			"drawbridge connector profiles lists the profiles; ldap, webhook, manual and file need none.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return n.run(cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&n.Profile, "profile", "", "whose dialect and limits: a name of drawbridge connector profiles")
	cmd.Flags().StringVar(&n.Kind, "kind", "", "scim, ldap, sql, rest, webhook, manual or file; left out, the profile's")
	cmd.Flags().StringVar(&n.Name, "name", "", "what the bridge calls it; left out, as the profile or kind")
	cmd.Flags().StringVar(&n.out, "out", ".", "the folder to write to")
	cmd.Flags().StringVar(&n.into, "into", "", "a configuration to add the entry to")
	cmd.MarkFlagsMutuallyExclusive("out", "into")
	cmd.Flags().StringVar(&n.profiles, "profiles", "", "a folder with profiles of your own")
	return cmd
}

// A connectorNew is one connector to be begun.
type connectorNew struct {
	configs.Starter
	out, into, profiles string
}

func (n *connectorNew) run(out io.Writer) error {
	if n.Profile == "" && n.Kind == "" {
		return hint(fmt.Errorf("%w: name a --profile or a --kind", errUsage), "drawbridge connector profiles lists them")
	}
	if n.Profile == "" && (n.Kind == "sql" || n.Kind == "rest") {
		return hint(fmt.Errorf("%w: kind %s wants a --profile, which has what is to be said to such a target", errUsage, n.Kind),
			"drawbridge connector profiles lists them; docs/connectors/%s.md says how to write one's own", n.Kind)
	}
	for _, name := range []string{n.Profile, n.Kind} {
		if n.Name == "" {
			n.Name = name
		}
	}
	if n.into != "" {
		return n.add(out)
	}
	config := filepath.Join(n.out, "drawbridge.yaml")
	_, err := os.Lstat(config)
	beside := err == nil
	if beside {
		config = filepath.Join(n.out, n.Name+".connector.yaml")
	}
	configText, document, documentText, err := n.write(config, filepath.Join(n.out, "policy"))
	if err != nil {
		return err
	}
	for path, text := range map[string][]byte{config: configText, document: documentText} {
		if err := writeNew(path, text); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%s: how the bridge reaches it\n%s: what of it is governed\n", config, document)
	if beside {
		fmt.Fprintf(out, "it works by itself; drawbridge connector new --into %s would have added it there\n", filepath.Join(n.out, "drawbridge.yaml"))
	}
	return n.next(out, config)
}

// write returns the texts of what is begun, and where its document goes.
func (n *connectorNew) write(config, policy string) (configText []byte, document string, documentText []byte, err error) {
	n.File = filepath.Base(config)
	configText, documentText, err = n.Write(configs.Profiles(n.profiles))
	if errors.Is(err, schema.ErrNotFound) {
		err = hint(err, "drawbridge connector profiles lists those there are; for a target without one, start from generic")
	}
	return configText, filepath.Join(policy, "connectors", n.Name+".yaml"), documentText, err
}

// add adds the connector to a configuration that is there.
func (n *connectorNew) add(out io.Writer) error {
	text, err := os.ReadFile(n.into)
	if err != nil {
		return err
	}
	folder := "policy"
	var set struct {
		Policy struct {
			Path string `yaml:"path"`
		} `yaml:"policy"`
	}
	if err := yaml.Load(text, &set); err == nil && set.Policy.Path != "" {
		folder = set.Policy.Path
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(filepath.Dir(n.into), folder)
	}
	begun, document, documentText, err := n.write(n.into, folder)
	if err != nil {
		return err
	}
	all, err := configs.Into(text, begun)
	if err != nil {
		return hint(fmt.Errorf("%s: %w", n.into, err), "without --into the entry is written to a file of its own")
	}
	if err := writeNew(document, documentText); err != nil {
		return err
	}
	if err := replace(n.into, all); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: how the bridge reaches it is added\n%s: what of it is governed\n", n.into, document)
	return n.next(out, n.into)
}

func (n *connectorNew) next(out io.Writer, config string) error {
	_, err := fmt.Fprintf(out, "next: fill in the lines that say so, then drawbridge connector check %s --config %s\n", n.Name, config)
	return err
}

// replace puts another text in the place of a file's, in one step, with its rights.
func replace(path string, text []byte) error {
	is, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(is.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// writeNew writes a file that is not there yet, and its folders.
func writeNew(path string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return alreadyThere(path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func alreadyThere(path string) error {
	return hint(fmt.Errorf("%s is there already: %w", path, schema.ErrConflict), "nothing is overwritten: choose another name or folder")
}

func connectorProfilesCommand() *cobra.Command {
	var f format
	var dir string
	cmd := &cobra.Command{
		Use:   "profiles [--profiles DIR]",
		Short: "List the profiles that ship, what each is for, and what nobody has found out yet",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := configs.ListProfiles(configs.Profiles(dir))
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, p := range all {
					rows = append(rows, []string{p.Name, p.Kind, p.Title, orDash(strings.Join(p.Unknown, ", "))})
				}
				return table(out, "profile kind for unknown", rows)
			})
		},
	}
	f.flag(cmd)
	cmd.Flags().StringVar(&dir, "profiles", "", "a folder with profiles of your own, which count before those that ship")
	return cmd
}
