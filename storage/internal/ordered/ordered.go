// Package ordered is an immutable ordered map from bytes to bytes. Changing a
// Map yields another Map and leaves the first as it was; the two share all but
// O(log n) nodes. Keeping an old version therefore costs nothing, which makes
// it a snapshot, a savepoint, or the stable ground of an iteration.
//
// It is an AVL tree (Adelson-Velsky and Landis, 1962) whose paths are copied
// on change: height at most 1.44 log2 n, no randomness, no amortisation.
//
// A Map keeps the slices that it is given and hands them out. Nobody may
// modify them. Any number of goroutines may read the same Map.
package ordered

import (
	"bytes"
	"iter"
)

// A Map is an immutable ordered map. The zero Map is empty.
type Map struct {
	root *node
	size int
}

type node struct {
	key, value  []byte
	left, right *node
	height      int8
}

// Len returns the number of keys.
func (m Map) Len() int { return m.size }

// Get returns the value under key and whether there is one.
func (m Map) Get(key []byte) ([]byte, bool) {
	for n := m.root; n != nil; {
		switch c := bytes.Compare(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n.value, true
		}
	}
	return nil, false
}

// With returns m with value under key.
func (m Map) With(key, value []byte) Map {
	root, added := insert(m.root, key, value)
	if added {
		return Map{root: root, size: m.size + 1}
	}
	return Map{root: root, size: m.size}
}

// Without returns m without key.
func (m Map) Without(key []byte) Map {
	if _, ok := m.Get(key); !ok {
		return m
	}
	return Map{root: remove(m.root, key), size: m.size - 1}
}

// From visits the keys that are not below start, ascending.
func (m Map) From(start []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		cursor := m.Seek(start)
		for {
			key, value, ok := cursor.Next()
			if !ok || !yield(key, value) {
				return
			}
		}
	}
}

// Seek returns a Cursor before the first key that is not below start.
func (m Map) Seek(start []byte) Cursor {
	c := Cursor{path: make([]*node, 0, height(m.root))}
	for n := m.root; n != nil; {
		if bytes.Compare(start, n.key) <= 0 {
			c.path = append(c.path, n)
			n = n.left
		} else {
			n = n.right
		}
	}
	return c
}

// A Cursor walks a Map in ascending order. It never sees later versions.
type Cursor struct {
	// path holds the nodes still to visit whose left sides are done, the
	// next one last.
	path []*node
}

// Next returns the next key and its value, or false at the end.
func (c *Cursor) Next() (key, value []byte, ok bool) {
	if len(c.path) == 0 {
		return nil, nil, false
	}
	top := c.path[len(c.path)-1]
	c.path = c.path[:len(c.path)-1]
	for n := top.right; n != nil; n = n.left {
		c.path = append(c.path, n)
	}
	return top.key, top.value, true
}

func insert(n *node, key, value []byte) (root *node, added bool) {
	if n == nil {
		return &node{key: key, value: value, height: 1}, true
	}
	switch c := bytes.Compare(key, n.key); {
	case c < 0:
		left, added := insert(n.left, key, value)
		return balanced(n, left, n.right), added
	case c > 0:
		right, added := insert(n.right, key, value)
		return balanced(n, n.left, right), added
	default:
		return &node{key: n.key, value: value, left: n.left, right: n.right, height: n.height}, false
	}
}

// remove expects key to be present.
func remove(n *node, key []byte) *node {
	switch c := bytes.Compare(key, n.key); {
	case c < 0:
		return balanced(n, remove(n.left, key), n.right)
	case c > 0:
		return balanced(n, n.left, remove(n.right, key))
	case n.left == nil:
		return n.right
	case n.right == nil:
		return n.left
	default:
		least, rest := removeLeast(n.right)
		return balanced(least, n.left, rest)
	}
}

func removeLeast(n *node) (least, rest *node) {
	if n.left == nil {
		return n, n.right
	}
	least, left := removeLeast(n.left)
	return least, balanced(n, left, n.right)
}

// balanced returns a tree of n's entry between left and right, whose heights
// differ by at most two: one rotation, or two, repair what one insertion or
// removal has done.
func balanced(n, left, right *node) *node {
	switch tilt := height(left) - height(right); {
	case tilt > 1 && height(left.left) >= height(left.right):
		return join(left, left.left, join(n, left.right, right))
	case tilt > 1:
		mid := left.right
		return join(mid, join(left, left.left, mid.left), join(n, mid.right, right))
	case tilt < -1 && height(right.right) >= height(right.left):
		return join(right, join(n, left, right.left), right.right)
	case tilt < -1:
		mid := right.left
		return join(mid, join(n, left, mid.left), join(right, mid.right, right.right))
	default:
		return join(n, left, right)
	}
}

// join returns a new node with n's entry between left and right.
func join(n, left, right *node) *node {
	return &node{
		key: n.key, value: n.value, left: left, right: right,
		height: 1 + max(height(left), height(right)),
	}
}

func height(n *node) int8 {
	if n == nil {
		return 0
	}
	return n.height
}
