package configs

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"drawbridge/schema"
)

// headed is the line of a starter's configuration after which its notes begin.
const headed = "tries it, and changes nothing"

// Into returns a configuration that is there, with the connector in it that a starter's
// configuration has: its entry, and above it what is to be known of the target. All else
// stays as it is, to the letter.
func Into(text, begun []byte) ([]byte, error) {
	head, entry, ok := strings.Cut(string(begun), "\nconnectors:\n")
	if !ok {
		return nil, fmt.Errorf("what was begun has no connectors: %w", schema.ErrInvalid)
	}
	if i := strings.Index(head, headed); i >= 0 {
		head = strings.TrimPrefix(head[i+len(headed):], "\n")
	}
	var lines []string
	var root yaml.Node
	if len(bytes.TrimSpace(text)) > 0 {
		lines = strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		if err := yaml.Load(text, &root); err != nil {
			return nil, fmt.Errorf("%w: %w", schema.ErrInvalid, err)
		}
	}
	at, dash, begins, err := place(&root, lines)
	if err != nil {
		return nil, err
	}
	added := indented(head, entry, dash)
	if begins {
		added = slices.Insert(added, 0, "connectors:")
	}
	lines = slices.Insert(lines, at, added...)
	all := []byte(strings.Join(lines, "\n") + "\n")
	return all, onlyAdds(text, all)
}

// place returns before which line an entry goes, how far its dash is in, and whether the
// list begins there.
func place(root *yaml.Node, lines []string) (at, dash int, begins bool, err error) {
	list := (*yaml.Node)(nil)
	line := 0
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 && root.Content[0].Kind == yaml.MappingNode {
		for i, key := range root.Content[0].Content {
			if i%2 == 0 && key.Value == "connectors" {
				list, line = root.Content[0].Content[i+1], key.Line
			}
		}
	}
	switch {
	case list == nil:
		return len(lines), 2, true, nil
	case len(list.Content) == 0 && strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[line-1]), "connectors:")) == "[]":
		lines[line-1] = "connectors:"
		return line, 2, false, nil
	case len(list.Content) == 0 || list.Kind != yaml.SequenceNode || list.Style&yaml.FlowStyle != 0:
		return 0, 0, false, fmt.Errorf("line %d: its connectors are not a list with a dash to each, which one could be added to: %w", line, schema.ErrInvalid)
	}
	first := lines[list.Content[0].Line-1]
	dash = len(first) - len(strings.TrimLeft(first, " "))
	at = list.Content[len(list.Content)-1].Line
	for at < len(lines) && (strings.HasPrefix(lines[at], strings.Repeat(" ", dash+1)) || strings.TrimSpace(lines[at]) == "" && within(lines[at:], dash)) {
		at++
	}
	return at, dash, false, nil
}

// within reports whether the lines, of which the first is empty, go on with what is
// further in than the dash.
func within(lines []string, dash int) bool {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) != "" })
	return i >= 0 && strings.HasPrefix(lines[i], strings.Repeat(" ", dash+1))
}

// indented are the lines of an entry with its notes, whose dash is so far in.
func indented(head, entry string, dash int) (lines []string) {
	in := strings.Repeat(" ", dash)
	for line := range strings.SplitSeq(strings.Trim(head, "\n"), "\n") {
		if line != "" && (line != "#" || len(lines) > 0) {
			lines = append(lines, in+line)
		}
	}
	for line := range strings.SplitSeq(strings.TrimRight(entry, "\n"), "\n") {
		lines = append(lines, strings.TrimRight(in+strings.TrimPrefix(line, "  "), " "))
	}
	return lines
}

// onlyAdds holds a file that was changed to what it is to be: the one it was, with one
// connector more, of a name that is new.
func onlyAdds(before, after []byte) error {
	var was, is map[string]any
	if err := yaml.Load(before, &was); err != nil && len(bytes.TrimSpace(before)) > 0 {
		return err
	}
	if err := yaml.Load(after, &is); err != nil {
		return fmt.Errorf("the entry cannot be added there: %w: %w", schema.ErrInvalid, err)
	}
	old, _ := was["connectors"].([]any)
	all, _ := is["connectors"].([]any)
	name := func(v any) any { m, _ := v.(map[string]any); return m["name"] }
	if len(all) != len(old)+1 {
		return fmt.Errorf("the entry cannot be added there: %w", schema.ErrInvalid)
	}
	last := name(all[len(all)-1])
	if slices.ContainsFunc(old, func(v any) bool { return name(v) == last }) {
		return fmt.Errorf("a connector %v is in it already: %w", last, schema.ErrConflict)
	}
	delete(was, "connectors")
	delete(is, "connectors")
	if len(was)+len(is) > 0 && !reflect.DeepEqual(was, is) || len(old) > 0 && !reflect.DeepEqual(old, all[:len(old)]) {
		return fmt.Errorf("the entry cannot be added there without changing something else: %w", schema.ErrInvalid)
	}
	return nil
}
