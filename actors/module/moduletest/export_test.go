package moduletest

// Findings returns what each check of the suite says about a play, nothing for
// those that are content.
func Findings(p Play) map[string]error {
	out := map[string]error{}
	for _, s := range suite {
		if err := s.check(p); err != nil {
			out[s.name] = err
		}
	}
	return out
}
