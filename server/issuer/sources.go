package issuer

// Names returns what the configuration calls the issuers, in no order.
func (s *Set) Names() []string {
	if s == nil {
		return nil
	}
	var names []string
	for _, t := range s.byIssuer {
		names = append(names, t.Name)
	}
	return names
}

// OfSources reports whether some issuer's tokens can be a source's.
func (s *Set) OfSources() bool {
	if s == nil {
		return false
	}
	for _, t := range s.byIssuer {
		if len(t.Sources) > 0 {
			return true
		}
	}
	return false
}
