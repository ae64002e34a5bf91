package examine

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"drawbridge/connectors"
)

// Draft returns a profile with what was learned: the one that was looked by, with
// what the target does where that differs, and without what is now known among the
// unknown. From says where it comes from, for people.
func Draft(p connectors.Profile, facts []connectors.Fact, from string) ([]byte, error) {
	rest := p.REST.Node
	p.REST = connectors.Section{}
	p.Unknown = slices.DeleteFunc(slices.Clone(p.Unknown), func(key string) bool {
		return slices.ContainsFunc(facts, func(f connectors.Fact) bool { return f.Key == key && f.Learned && f.Target != "" })
	})
	doc, err := nodeOf(p)
	if err != nil {
		return nil, err
	}
	plain, err := nodeOf(connectors.DefaultProfile())
	if err != nil {
		return nil, err
	}
	prune(doc, plain)
	for _, f := range facts {
		if f.Learned && f.Target != "" && f.Verdict() != connectors.Agrees {
			learn(doc, f)
		}
	}
	for _, key := range []string{"rest"} {
		remove(doc, key)
	}
	if rest != nil {
		doc.Content = append(doc.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "rest"}, rest)
	}
	text, err := yaml.Dump(doc)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(comment(from))
	b.Write(text)
	return []byte(b.String()), nil
}

func comment(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	return b.String()
}

// nodeOf returns the value as a mapping of YAML.
func nodeOf(v any) (*yaml.Node, error) {
	text, err := yaml.Dump(v)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		return nil, err
	}
	return doc.Content[0], nil
}

// prune takes out of a mapping what another one says as well.
func prune(doc, plain *yaml.Node) {
	for i := 0; i < len(doc.Content); {
		key, value := doc.Content[i], doc.Content[i+1]
		other := child(plain, key.Value)
		if other != nil && value.Kind == yaml.MappingNode && other.Kind == yaml.MappingNode {
			prune(value, other)
		}
		empty := value.Kind != yaml.ScalarNode && len(value.Content) == 0
		if empty || other != nil && same(value, other) {
			doc.Content = slices.Delete(doc.Content, i, i+2)
			continue
		}
		i += 2
	}
}

func same(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, same)
}

func child(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func remove(m *yaml.Node, key string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = slices.Delete(m.Content, i, i+2)
			return
		}
	}
}

// learn sets the fact's key to what the target does, and says so beside it.
func learn(doc *yaml.Node, f connectors.Fact) {
	parts := strings.Split(f.Key, ".")
	m := doc
	for _, part := range parts[:len(parts)-1] {
		next := child(m, part)
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode}
			m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: part}, next)
		}
		m = next
		m.Style &^= yaml.FlowStyle
	}
	last := parts[len(parts)-1]
	value := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Target}
	if last == "operators" {
		value = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for word := range strings.FieldsSeq(f.Target) {
			value.Content = append(value.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: word})
		}
	}
	remove(m, last)
	note := fmt.Sprintf("seen; the profile said %s", or(f.Profile, "nothing"))
	if f.Note != "" {
		note += "; " + f.Note
	}
	value.LineComment = "# " + strings.ReplaceAll(note, "\n", " ")
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: last}, value)
}
