package main

import (
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"

	"minimint/actors/node/home"
	"minimint/cmd/minimintd/daemon"
	"minimint/crypto/bls"
	"minimint/messages/wire"
)

func liarFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "dir", Required: true},
		&cli.StringFlag{Name: "passphrase-file", Required: true},
	}
}

// liar runs a member that keeps to the protocol with its peers and lies to
// clients. minimintd has no such mode: the lies are here alone.
func liar(c *cli.Context) error {
	h, err := home.Open(c.String("dir"))
	if err != nil {
		return err
	}
	passphrase, err := daemon.Passphrase(c.String("passphrase-file"))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return daemon.Run(c.Context, daemon.Config{Home: h, Passphrase: passphrase, Log: log, Twist: lie})
}

// lie makes shares that are points but no signatures, and answers that nobody
// else gives.
func lie(m *wire.ClientReply) {
	switch r := m.GetReply().(type) {
	case *wire.ClientReply_Status:
		for _, out := range r.Status.GetAccepted().GetOutputs() {
			if p, err := bls.DecodeG1(out.GetShare()); err == nil {
				out.Share = p.Add(bls.MulG1(bls.NewScalar(1))).Bytes()
			}
		}
	case *wire.ClientReply_Answer:
		r.Answer.Body = append([]byte{0xff}, r.Answer.GetBody()...)
	case *wire.ClientReply_Config:
		r.Config.Body = append([]byte(nil), r.Config.GetBody()...)
		r.Config.Body[len(r.Config.GetBody())/2] ^= 1
	}
}
