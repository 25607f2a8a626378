package stage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A User is somebody with a wallet directory, who uses the command line and
// nothing else.
type User struct {
	Name string
	Dir  string
	bin  string
	env  func() []string
}

// An Answer is what one command said.
type Answer struct {
	// Values are the fields of its JSON answer.
	Values map[string]any
	// Reports is what it wrote beside: progress, and who was found lying.
	Reports string
	// Code is its exit code.
	Code int
	Took time.Duration
	raw  []byte
}

// Run runs a command for the user. Its error says what the
// command said; the answer is there also then.
func (u *User) Run(args ...string) (Answer, error) {
	return u.Watch(func(*os.Process) {}, args...)
}

// Watch is Run for who wants to see the process, for instance to kill it.
func (u *User) Watch(begun func(*os.Process), args ...string) (Answer, error) {
	cmd := exec.Command(u.bin, append([]string{"--dir", u.Dir, "--json"}, args...)...)
	var out, reports bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &reports
	cmd.Env = append(cmd.Environ(), u.env()...)
	begin := time.Now()
	err := cmd.Start()
	if err == nil {
		begun(cmd.Process)
		err = cmd.Wait()
	}
	a := Answer{Reports: reports.String(), Took: time.Since(begin), Code: -1, raw: out.Bytes()}
	if cmd.ProcessState != nil {
		a.Code = cmd.ProcessState.ExitCode()
	}
	if err != nil {
		return a, fmt.Errorf("%s: %s %s: exit code %d: %s", u.Name, filepath.Base(u.bin), args[0], a.Code, strings.TrimSpace(out.String()+a.Reports))
	}
	if err := json.Unmarshal(out.Bytes(), &a.Values); err != nil {
		return a, fmt.Errorf("%s: %s %s: the answer is no JSON object: %w", u.Name, filepath.Base(u.bin), args[0], err)
	}
	return a, nil
}

// Read is Run into a value of the type of the answer.
func (u *User) Read(to any, args ...string) error {
	a, err := u.Run(args...)
	if err != nil {
		return err
	}
	return json.Unmarshal(a.raw, to)
}

// Text returns a field that is text, "" if there is none.
func (a Answer) Text(field string) string {
	s, _ := a.Values[field].(string)
	return s
}

// Number returns a field that is a number, 0 if there is none.
func (a Answer) Number(field string) int64 {
	f, _ := a.Values[field].(float64)
	return int64(f)
}

// Balance is what the user can spend, in millisatoshi.
func (u *User) Balance() (int64, error) {
	a, err := u.Run("info")
	return a.Number("msat"), err
}

// User returns a user with a directory of that name on the stage.
func (s *Stage) User(name string) *User {
	return &User{Name: name, Dir: filepath.Join(s.Dir, "users", name), bin: s.cfg.Program("minimint-cli"), env: s.Environment}
}

// Environment tells minimint-cli where the bitcoin node is.
func (s *Stage) Environment() []string {
	return []string{
		"MINIMINT_BTCD=" + s.chain.RPC().Address, "MINIMINT_BTCD_USER=" + s.chain.RPC().User,
		"MINIMINT_BTCD_PASSWORD_FILE=" + filepath.Join(s.Dir, rpcPasswordFile), "MINIMINT_BTCD_CERT=" + s.chain.CertificateFile(),
	}
}

// rpcPasswordFile holds the password of the bitcoin node's RPC interface.
const rpcPasswordFile = "btcd-password"

// errEnded says that a process is gone that should run.
var errEnded = errors.New("ended by itself")

// Join makes the user's wallet and returns the id of the federation.
func (u *User) Join(invite string) (string, error) {
	a, err := u.Run("join", invite)
	return a.Text("federation"), err
}
