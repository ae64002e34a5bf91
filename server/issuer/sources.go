package issuer

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
