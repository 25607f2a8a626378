package sched

import "time"

// event is something that happens later.
type event struct {
	at     time.Duration
	serial uint64 // orders those of the same moment
	fn     func()
}

func (e *event) before(f *event) bool { return e.at < f.at || e.at == f.at && e.serial < f.serial }

// events is a heap. It holds events, not pointers to them, so that to order them is
// to look at one piece of memory: of large worlds there are ten thousand.
type events []event

func (h *events) push(e event) {
	list := append(*h, e)
	i := len(list) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(&list[parent]) {
			break
		}
		list[i] = list[parent]
		i = parent
	}
	list[i] = e
	*h = list
}

// pop takes the first event out; there must be one.
func (h *events) pop() event {
	list := *h
	first, last := list[0], list[len(list)-1]
	list[len(list)-1] = event{}
	list = list[:len(list)-1]
	*h = list
	for i := 0; len(list) > 0; {
		child := 2*i + 1
		if child+1 < len(list) && list[child+1].before(&list[child]) {
			child++
		}
		if child >= len(list) || !list[child].before(&last) {
			list[i] = last
			break
		}
		list[i] = list[child]
		i = child
	}
	return first
}
