package stage

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/chain/btcd/simnet"
	"minimint/actors/clock"
	"minimint/actors/module/lightning"
	"minimint/actors/node/home"
	"minimint/actors/setup"
	"minimint/actors/setup/agreement"
	"minimint/actors/setup/attempt"
	"minimint/actors/setup/keystore"
	"minimint/actors/spawn"
	"minimint/messages"
	"minimint/storage/disk"
)

// reducedWork is the cost of the passphrase that protects play money.
const reducedWork = 10

// tiers are the denominations of a staged federation: 2^0 … 2^25 msat, the last
// about 33,500 sat.
const tiers = 26

// participant is one member at the ceremony. Each has secrets of its own and
// tells the others only what the protocol says.
type participant struct {
	id      messages.PeerID
	name    string
	socket  string
	dir     string
	secrets *keystore.Secrets
	events  chan setup.Event
}

// Ceremony has the members make their keys: one ceremony actor each, all in this
// process, with the messages and files that they would use between machines. It
// leaves each member's directory.
func (s *Stage) Ceremony(ctx context.Context) error {
	sockets, err := addresses(s.cfg.Members)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	height, err := s.chain.Height()
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	everybody := make([]*participant, s.cfg.Members)
	terms := s.terms(height)
	for i := range everybody {
		p := &participant{id: messages.PeerID(i), name: s.cfg.Names[i], socket: sockets[i], dir: s.member(i), events: make(chan setup.Event, 256)}
		if p.secrets, err = keystore.New(rand.Reader); err != nil {
			return fmt.Errorf("stage: %w", err)
		}
		terms.Members = append(terms.Members, ed25519.NewKeyFromSeed(p.secrets.Identity.Bytes()).Public().(ed25519.PublicKey))
		everybody[i] = p
	}
	quiet := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	defer system.Shutdown()
	spawner := spawn.New(spawn.Config{Timer: clock.Timer{}, Rand: rand.Reader, Exit: func(string, any) {}, Log: quiet})
	for _, p := range everybody {
		pid, err := p.begin(system, spawner, terms)
		if err != nil {
			return fmt.Errorf("stage: %s: %w", p.name, err)
		}
		defer func() { _ = system.Root.StopFuture(pid).Wait() }()
	}
	for _, p := range everybody {
		outcome, err := p.await(ctx)
		if err != nil {
			return fmt.Errorf("stage: %s: %w", p.name, err)
		}
		if err := p.keep(outcome, s.settings(p.id, p.socket)); err != nil {
			return err
		}
		s.Federation = outcome.Config
	}
	return nil
}

func (s *Stage) terms(height uint32) agreement.Terms {
	t := agreement.Terms{
		Name: "demo",
		Wallet: agreement.WalletTerms{
			Network: simnet.Params.Name, Birthday: height, FinalityDelay: finalityDelay,
			MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 100_000,
		},
	}
	t.Lightning = &agreement.LightningTerms{Fees: LightningFees()}
	for e := range uint32(tiers) {
		t.Mint.Tiers = append(t.Mint.Tiers, e)
	}
	return t
}

// LightningFees are what a staged federation takes for items of its Lightning module;
// notes cost nothing.
func LightningFees() lightning.Fees {
	return lightning.Fees{Contract: messages.Sat / 10, Claim: messages.Sat / 10, Offer: messages.Sat / 5, Listing: 10 * messages.Sat}
}

func ceremonyName(i messages.PeerID) string { return "ceremony-" + i.String() }

// begin starts the participant's actor.
func (p *participant) begin(system *actor.ActorSystem, spawner *spawn.System, terms agreement.Terms) (*actor.PID, error) {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	d, err := disk.OpenDir(p.dir)
	if err != nil {
		return nil, err
	}
	peers := make([]*actor.PID, len(terms.Members))
	for i := range peers {
		if id := messages.PeerID(i); id != p.id {
			peers[i] = system.NewLocalPID(ceremonyName(id))
		}
	}
	produce, err := setup.New(setup.Config{
		Terms: terms, Name: p.name, Address: p.socket, Secrets: p.secrets, Peers: peers, Disk: d, Journal: journalFile, Rand: rand.Reader,
		Report: func(e setup.Event) { p.events <- e },
	})
	if err != nil {
		return nil, err
	}
	return system.Root.SpawnNamed(spawner.RootProps(setup.Policy(), produce), ceremonyName(p.id))
}

// journalFile is where a participant keeps its progress until it is done.
const journalFile = "ceremony.log"

// await waits until the participant and all others have finished.
func (p *participant) await(ctx context.Context) (attempt.Outcome, error) {
	var outcome attempt.Outcome
	for {
		select {
		case e := <-p.events:
			switch e := e.(type) {
			case setup.Finished:
				outcome = e.Outcome
			case setup.Settled:
				return outcome, nil
			case setup.Failed:
				return outcome, fmt.Errorf("the ceremony failed: %v", e.Failure)
			case setup.TermsDiffer:
				return outcome, fmt.Errorf("member %d wants other terms: %v", e.Peer, e.Differences)
			case setup.Progress, setup.Refused:
			}
		case <-ctx.Done():
			return outcome, ctx.Err()
		}
	}
}

// keep writes the member's directory: secrets first, since they cannot be made
// again, and the journal, which together with the seed would give them away, is
// removed last.
func (p *participant) keep(o attempt.Outcome, settings home.Settings) error {
	h := home.Home{Dir: p.dir, Settings: settings, Federation: o.Config}
	if err := keystore.Save(h.SecretsFile(), passphrase, o.Secrets, keystore.InsecureForTests(reducedWork)); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return errors.Join(home.Create(h), h.WriteTranscript(o.Transcript), os.Remove(p.dir+"/"+journalFile))
}
