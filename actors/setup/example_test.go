package setup_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/clock"
	"minimint/actors/setup"
	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
	"minimint/actors/spawn"
	"minimint/storage/disk"
)

// A federation for development: all members in one process, each with a
// directory of its own. Real members do the same, each on its own machine, with
// the PIDs of a link as peers.
func Example() {
	root, err := os.MkdirTemp("", "minimint")
	check(err)
	defer func() { _ = os.RemoveAll(root) }()
	const n, passphrase = 4, "for development only"
	cost := keystore.InsecureForTests(10)
	dir := func(i int) string { return filepath.Join(root, fmt.Sprint("member-", i)) }

	// What everybody has before the ceremony.
	terms := agreement.Terms{
		Name: "development", Mint: agreement.MintTerms{Tiers: []uint32{0, 10, 20}},
		Wallet: agreement.WalletTerms{Network: "simnet", Birthday: 1, FinalityDelay: 2, MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 100_000},
	}
	secrets := make([]*keystore.Secrets, n)
	for i := range secrets {
		secrets[i], err = keystore.New(rand.Reader)
		check(err)
		check(keystore.Save(filepath.Join(dir(i), "secrets.age"), passphrase, secrets[i], cost))
		terms.Members = append(terms.Members, ed25519.NewKeyFromSeed(secrets[i].Identity.Bytes()).Public().(ed25519.PublicKey))
	}

	quiet := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	defer system.Shutdown()
	props := spawn.New(spawn.Config{
		Timer: clock.Timer{}, Rand: rand.Reader, Log: quiet, Exit: func(child string, reason any) { panic(fmt.Sprint(child, reason)) },
	})
	peers := make([]*actor.PID, n)
	for i := range peers {
		peers[i] = actor.NewPID(system.Address(), fmt.Sprint("setup-", i))
	}
	events := make([]chan setup.Event, n)
	for i := range peers {
		events[i] = make(chan setup.Event, 100)
		d, err := disk.OpenDir(dir(i))
		check(err)
		produce, err := setup.New(setup.Config{
			Terms: terms, Name: fmt.Sprint("member ", i), Address: fmt.Sprintf("127.0.0.1:%d", 7000+i), Secrets: secrets[i],
			Peers: peers, Disk: d, Journal: "setup.journal", Rand: rand.Reader, Report: func(e setup.Event) { events[i] <- e },
		})
		check(err)
		_, err = system.Root.SpawnNamed(props.RootProps(spawn.StopOnly(), produce), fmt.Sprint("setup-", i))
		check(err)
	}

	// Save what comes of it; then the seed of the ceremony and its journal go.
	for i := range peers {
		for settled := false; !settled; {
			switch e := (<-events[i]).(type) {
			case setup.Finished:
				check(keystore.Save(filepath.Join(dir(i), "secrets.age"), passphrase, e.Secrets, cost))
				check(os.WriteFile(filepath.Join(dir(i), "federation.bin"), e.Config.Bytes(), 0o600))
				check(os.WriteFile(filepath.Join(dir(i), "transcript.bin"), e.Transcript, 0o600))
				if i == 0 {
					fmt.Println(e.Config.Name, "of", e.Config.Size(), "members")
				}
			case setup.Failed:
				panic(e.String())
			case setup.Settled:
				settled = true
			default: // progress
			}
		}
		check(system.Root.StopFuture(peers[i]).Wait())
		check(os.Remove(filepath.Join(dir(i), "setup.journal")))
		secrets[i].Wipe()
	}
	mine, err := keystore.Open(filepath.Join(dir(3), "secrets.age"), passphrase)
	check(err)
	fmt.Println("complete:", mine.Complete(), "insecure:", mine.Insecure, "tiers:", len(mine.Tiers))
	// Output:
	// development of 4 members
	// complete: true insecure: true tiers: 3
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
