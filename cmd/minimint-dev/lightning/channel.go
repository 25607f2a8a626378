package lightning

import (
	"context"
	"encoding/hex"
	"fmt"

	"minimint/actors/gateway/lnnode/lnd/lndwire"
	"minimint/messages"
)

const satPerVbyte = 5

// Fund gives the node's wallet some satoshi in a block of their own.
func (n *Node) Fund(ctx context.Context, sats int64) error {
	var address lndwire.NewAddressResponse
	if err := n.call(ctx, "/lnrpc.Lightning/NewAddress", &lndwire.NewAddressRequest{}, &address); err != nil {
		return err
	}
	if _, err := n.cfg.Bitcoin.Pay(address.GetAddress(), sats); err != nil {
		return err
	}
	if err := n.cfg.Bitcoin.Mine(3); err != nil {
		return err
	}
	return n.await(ctx, "its wallet has the money", func() (bool, error) {
		var b lndwire.WalletBalanceResponse
		err := n.call(ctx, "/lnrpc.Lightning/WalletBalance", &lndwire.WalletBalanceRequest{}, &b)
		return err == nil && b.GetConfirmedBalance() >= sats, err
	})
}

// Connect makes the node a peer of another, if it is none.
func (n *Node) Connect(ctx context.Context, to *Node) error {
	request := &lndwire.ConnectPeerRequest{Addr: &lndwire.LightningAddress{Pubkey: to.Key, Host: to.Peer}, Perm: true}
	err := n.call(ctx, "/lnrpc.Lightning/ConnectPeer", request, &lndwire.ConnectPeerResponse{})
	if err != nil && ctx.Err() == nil {
		return nil // it is one already, or will be: lnd says no more
	}
	return err
}

// redial is how many looks a node has to find a peer again by itself: to dial at the
// same moment as lnd can make both sides drop both connections. steady is for how many
// looks a channel is active before it is believed.
const (
	redial = 100
	steady = 5
)

// Rejoin waits until the node has an active channel with another again, after one of
// them was restarted, and connects them where they do not do so themselves.
func (n *Node) Rejoin(ctx context.Context, to *Node) error {
	looks, active := 0, 0
	return n.await(ctx, "its channel is active again", func() (bool, error) {
		if looks++; looks%redial == 0 {
			if err := n.Connect(ctx, to); err != nil {
				return false, err
			}
		}
		var list lndwire.ListChannelsResponse
		err := n.call(ctx, "/lnrpc.Lightning/ListChannels", &lndwire.ListChannelsRequest{ActiveOnly: true}, &list)
		if active++; len(list.GetChannels()) == 0 {
			active = 0
		}
		return active == steady, err
	})
}

// Open opens a channel of so many satoshi to another node, gives that node a part of
// them, mines what is needed, and returns when both nodes would route through it.
func (n *Node) Open(ctx context.Context, to *Node, sats, push int64) error {
	if err := n.Connect(ctx, to); err != nil {
		return err
	}
	key, err := hex.DecodeString(to.Key)
	if err != nil {
		return fmt.Errorf("lightning: %w", err)
	}
	request := &lndwire.OpenChannelRequest{NodePubkey: key, LocalFundingAmount: sats, PushSat: push, SatPerVbyte: satPerVbyte}
	err = n.await(ctx, "it has opened a channel", func() (bool, error) { // a new peer is not ready at once
		err := n.call(ctx, "/lnrpc.Lightning/OpenChannelSync", request, &lndwire.ChannelPoint{})
		return err == nil, err
	})
	if err != nil {
		return err
	}
	if err := n.cfg.Bitcoin.Mine(6); err != nil {
		return err
	}
	for _, side := range []*Node{n, to} {
		if err := side.Routable(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Routable waits until the node has an active channel and knows both sides' terms of
// it; before that it finds no way through it.
func (n *Node) Routable(ctx context.Context) error {
	return n.await(ctx, "its channel can be used", func() (bool, error) {
		var list lndwire.ListChannelsResponse
		if err := n.call(ctx, "/lnrpc.Lightning/ListChannels", &lndwire.ListChannelsRequest{ActiveOnly: true}, &list); err != nil || len(list.GetChannels()) == 0 {
			return false, err
		}
		var edge lndwire.ChannelEdge
		err := n.call(ctx, "/lnrpc.Lightning/GetChanInfo", &lndwire.ChanInfoRequest{ChanId: list.GetChannels()[0].GetChanId()}, &edge)
		return err == nil && edge.GetNode1Policy() != nil && edge.GetNode2Policy() != nil, err
	})
}

// Balance is what the node's channels hold on its side, in msat.
func (n *Node) Balance(ctx context.Context) (messages.Amount, error) {
	var b lndwire.ChannelBalanceResponse
	err := n.call(ctx, "/lnrpc.Lightning/ChannelBalance", &lndwire.ChannelBalanceRequest{}, &b)
	return messages.Amount(b.GetLocalBalance().GetMsat()), err
}
