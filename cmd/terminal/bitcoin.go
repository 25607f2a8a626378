package terminal

import (
	"os"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/urfave/cli/v2"

	"minimint/actors/chain/btcd"
	"minimint/actors/chain/btcd/rpc"
	"minimint/actors/client"
)

// rpcTimeout ends a call to the bitcoin node.
const rpcTimeout = 15 * time.Second

// BitcoinFlags name a bitcoin node, which finds deposits.
func BitcoinFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "btcd", EnvVars: []string{"MINIMINT_BTCD"}, Usage: "`HOST:PORT` of your btcd's RPC interface, to find deposits"},
		&cli.StringFlag{Name: "btcd-user", EnvVars: []string{"MINIMINT_BTCD_USER"}, Usage: "its user `NAME`"},
		&cli.StringFlag{Name: "btcd-password-file", EnvVars: []string{"MINIMINT_BTCD_PASSWORD_FILE"}, Usage: "`FILE` with its password"},
		&cli.StringFlag{Name: "btcd-cert", EnvVars: []string{"MINIMINT_BTCD_CERT"}, Usage: "`FILE` with its certificate"},
	}
}

// Bitcoin returns the view of the chain that the flags name, nil if they name none.
func Bitcoin(c *cli.Context) (func(*chaincfg.Params) (client.Blocks, error), error) {
	address := c.String("btcd")
	if address == "" {
		return nil, nil
	}
	cfg := rpc.Config{Address: address, User: c.String("btcd-user"), Timeout: rpcTimeout}
	var err error
	if cfg.Certificate, err = os.ReadFile(c.String("btcd-cert")); err != nil {
		return nil, Usage("--btcd-cert: %v", err)
	}
	if file := c.String("btcd-password-file"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, Usage("--btcd-password-file: %v", err)
		}
		cfg.Password = strings.TrimSpace(string(b))
	}
	return func(network *chaincfg.Params) (client.Blocks, error) { return btcd.New(cfg, network) }, nil
}

// Payout reads "ADDRESS AMOUNT" and --max-fee, in satoshi; without the option the limit
// is 0.
func Payout(c *cli.Context) (address string, sats, limit uint64, err error) {
	if err = Args(c, 2, 2); err != nil {
		return "", 0, 0, err
	}
	if sats, err = ParseSats(c.Args().Get(1)); err == nil && c.String("max-fee") != "" {
		limit, err = ParseSats(c.String("max-fee"))
	}
	return c.Args().First(), sats, limit, err
}
