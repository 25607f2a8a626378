package acs

import "minimint/actors/hbbft/protocol"

// Lacks says what the set waits for: nothing when it is done. What a faulty or absent
// proposer does not do is among it until enough others are accepted.
func (s *Subset) Lacks() []protocol.Lack {
	var list []protocol.Lack
	for i := range s.slots {
		switch p := &s.slots[i]; {
		case p.decided && (!p.accepted || p.delivered):
		case !p.decided && (p.delivered || s.rejecting):
			list = append(list, p.agreement.Lacks()...)
		default:
			list = append(list, p.broadcast.Lacks()...)
		}
	}
	return list
}
