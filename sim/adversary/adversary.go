// Package adversary is a collection of ways to misbehave, one file each; those that
// are about contributions alone are in package contribution. They hold the keys of
// faulty members and of nobody else, or own the network, or are clients; none can
// forge what it has no key for.
//
//	kind, _ := adversary.Find("equivocating proposer")
//	kind.Join(&cfg, 3) // member 3 of the world is faulty in this way
//
// Each aims at one rule, and the tests of this package show two things of it: with
// all rules in force a federation gets over it, and without that rule (package
// actors/mutant) it does harm. ../DESIGN.md has the table of both.
package adversary

import (
	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/frames"
	"minimint/messages/outcome"
	"minimint/sim/adversary/contribution"
	"minimint/sim/sched"
	"minimint/sim/world"
)

// A Kind is one way to misbehave.
type Kind struct {
	Name string
	// Join makes the adversary a part of a world that is not made yet, with these
	// members as its own, at most f. One that needs no members, such as a client,
	// ignores them. Kinds may be joined to one world if their members differ.
	Join func(cfg *world.Config, members ...messages.PeerID)
	// Members says that it needs members.
	Members bool
}

// All are all kinds, always in the same order.
func All() []Kind {
	return []Kind{
		masked("silent", silence),
		masked("slow", slowness),
		masked("equivocating proposer", equivocation),
		{Name: "two-faced echo", Members: true, Join: twoFaced},
		masked("false ready", falseReady),
		masked("inconsistent values", inconsistency),
		masked("share withholding", withholding),
		masked("bad shares", badShares),
		masked("invalid ciphertext", noCiphertext),
		masked("unopenable ciphertext", unopenable),
		masked("bogus certificate shares", bogusOutcomes),
		masked("false history", falseHistory),
		masked("other epochs", otherEpochs),
		masked("replay", replay),
		masked("flooding", flooding),
		masked("garbage", garbage),
		masked("vote splitting", voteSplitting),
		contributing("badly signed twins", contribution.BadTwins),
		contributing("peg-in forgery", contribution.Forgery),
		contributing("item stuffing", contribution.Stuffing),
		{Name: "colluding group", Members: true, Join: colluding},
		{Name: "splitting scheduler", Members: true, Join: splitting},
		{Name: "splitting scheduler, absent before", Members: true, Join: splittingAbsent},
		{Name: "greedy scheduler", Members: true, Join: scheming},
		{Name: "lying to clients", Members: true, Join: lying},
		{Name: "double spending", Join: doubleSpending},
		{Name: "crash and restart", Members: true, Join: crashing},
	}
}

// Find returns the kind of a name.
func Find(name string) (Kind, bool) {
	for _, k := range All() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// masked is a kind whose members run the shipped node behind a mask. The members
// of a world collude: make is called once for all of them.
func masked(name string, make func(n int) func(*world.Corrupt) mask) Kind {
	return Kind{Name: name, Members: true, Join: func(cfg *world.Config, members ...messages.PeerID) {
		each := make(cfg.Nodes)
		for _, id := range members {
			var now mask
			cfg.Faulty = append(cfg.Faulty, world.Faulty{
				Peer: id,
				Adversary: func(c *world.Corrupt) world.Adversary {
					now = each(c)
					now.Corrupt = c
					return now
				},
				Propose: func(e messages.Epoch, contribution []byte) []byte {
					if now.propose == nil {
						return sealed(now.Corrupt, e, contribution)
					}
					return now.propose(e, contribution)
				},
			})
		}
	}}
}

// contributing is a kind whose members lie in their contributions, and in nothing else.
func contributing(name string, liar contribution.Liar) Kind {
	return masked(name, func(int) func(*world.Corrupt) mask {
		return func(c *world.Corrupt) mask {
			lie := liar(c.Federation)
			if lie == nil {
				return mask{}
			}
			return mask{propose: func(e messages.Epoch, planned []byte) []byte {
				own, err := outcome.DecodeContribution(planned)
				if err != nil {
					panic("adversary: own contribution: " + err.Error())
				}
				return sealed(c, e, lie(own).Encode())
			}}
		}
	})
}

// mask is an adversary between the shipped node of a faulty member and the others.
// Where a function is nil everything passes.
type mask struct {
	*world.Corrupt
	// say replaces a message to a member. What comes after HBBFT's frames are taken
	// apart is in change.
	say func(to messages.PeerID, m proto.Message) []proto.Message
	// change replaces a statement to a member, on its way.
	change changer
	// propose returns what the node proposes in place of a contribution.
	propose func(e messages.Epoch, contribution []byte) []byte
	// hear sees what a member says before the node does.
	hear func(from messages.PeerID, m proto.Message)
}

// A changer says what is said to a member about an epoch instead of a statement.
type changer func(to messages.PeerID, e messages.Epoch, s frames.Statement) []frames.Statement

// Outgoing implements world.Adversary.
func (a mask) Outgoing(to messages.PeerID, m proto.Message) []proto.Message {
	f, ok := world.Frame(m)
	if a.change != nil && ok {
		var said []frames.Statement
		for _, s := range f.Statements {
			said = append(said, a.change(to, f.Epoch, s)...)
		}
		f.Statements = said
		m = world.Message(f)
	}
	if a.say != nil {
		return a.say(to, m)
	}
	return []proto.Message{m}
}

// Incoming implements world.Adversary.
func (a mask) Incoming(from messages.PeerID, m proto.Message) []proto.Message {
	if a.hear != nil {
		a.hear(from, m)
	}
	return []proto.Message{m}
}

// sealed is what this member would propose to contribute something. The same
// contribution to an epoch gives the same bytes in stub worlds only.
func sealed(c *world.Corrupt, e messages.Epoch, contribution []byte) []byte {
	b, err := c.Crypto.Seal(sched.Reader(c.Rand), c.Slot(e, c.Self), contribution)
	if err != nil {
		panic("adversary: " + err.Error())
	}
	return b
}
