package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimint-dev/stage"
	"minimint/cmd/minimint-dev/story"
	"minimint/cmd/terminal"
)

const members = 4

var memberNames = []string{"ada", "blaise", "charles", "dorothy"}

func btcdFlags() []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "btcd", Usage: "`PATH` of the btcd program (make bitcoin builds it)", EnvVars: []string{"MINIMINT_BTCD_PROGRAM"}}}
}

func lndFlag() cli.Flag {
	return &cli.StringFlag{Name: "lnd", Usage: "`PATH` of the lnd program (make lightning builds it)", EnvVars: []string{"MINIMINT_LND_PROGRAM"}}
}

func killsFlag() cli.Flag {
	return &cli.IntFlag{Name: "kills", Value: 6, Usage: "kill gateway, lnd and a member `COUNT` times at random moments of payments"}
}

func seedFlag() cli.Flag {
	return &cli.Uint64Flag{Name: "seed", Usage: "`NUMBER` that draws these moments (default: another one each time)"}
}

func dirFlag() cli.Flag {
	return &cli.StringFlag{Name: "dir", Usage: "`DIRECTORY` of the federation", Value: defaultDir(), EnvVars: []string{"MINIMINT_DEV_DIR"}}
}

func keepFlag() cli.Flag {
	return &cli.BoolFlag{Name: "keep", Usage: "keep the directory with all logs, also when the story was true"}
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print one JSON object"} }

func defaultDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "minimint-dev")
}

// config is a stage built from the programs beside this one.
func config(c *cli.Context, dir string) (stage.Config, error) {
	if c.String("btcd") == "" {
		return stage.Config{}, terminal.Usage("name the btcd program with --btcd; make bitcoin builds it")
	}
	self, err := os.Executable()
	if err != nil {
		return stage.Config{}, fmt.Errorf("find own program: %w", err)
	}
	return stage.Config{Dir: dir, Btcd: c.String("btcd"), Lnd: c.String("lnd"), Programs: filepath.Dir(self), Members: members, Names: memberNames}, nil
}

// demo tells the story of a federation.
func demo(c *cli.Context) error {
	cfg, err := config(c, "")
	if err != nil {
		return err
	}
	return tell(c, cfg, story.Tell)
}

// demoLightning tells how the federation's users pay and are paid over Lightning.
func demoLightning(c *cli.Context) error {
	cfg, err := config(c, "")
	if err != nil {
		return err
	}
	if cfg.Lnd == "" {
		return terminal.Usage("name the lnd program with --lnd; make lightning builds it")
	}
	seed := c.Uint64("seed")
	if seed == 0 {
		seed = rand.Uint64N(1_000_000)
	}
	fmt.Fprintf(c.App.Writer, "--seed %d draws the same moments of killing again\n", seed)
	return tell(c, cfg, func(ctx context.Context, s *stage.Stage, out io.Writer) error {
		return story.TellLightning(ctx, s, out, c.Int("kills"), seed)
	})
}

// tell tells a story on a stage of its own, which is gone afterwards unless the story
// was not true.
func tell(c *cli.Context, cfg stage.Config, what func(context.Context, *stage.Stage, io.Writer) error) (err error) {
	dir, err := os.MkdirTemp("", "minimint-demo-")
	if err != nil {
		return err
	}
	cfg.Dir = dir
	s, err := stage.New(cfg)
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
		if err != nil || c.Bool("keep") {
			fmt.Fprintf(c.App.Writer, "\nlogs and data are kept in %s\n", dir)
			return
		}
		err = os.RemoveAll(dir)
		fmt.Fprintln(c.App.Writer, "all processes have ended; nothing is left")
	}()
	return what(c.Context, s, c.App.Writer)
}
