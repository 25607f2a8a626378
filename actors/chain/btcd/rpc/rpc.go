// Package rpc calls a btcd node over its JSON-RPC interface, one HTTPS request
// per call and each with a deadline. btcd's own client was not taken because it
// waits and retries for minutes behind the caller's back when the node is down.
package rpc

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Config says where a node is.
type Config struct {
	// Address is host:port of the RPC interface.
	Address        string
	User, Password string
	// Certificate is the node's own, in PEM; it is the only one trusted.
	Certificate []byte
	// Timeout ends a call, from connecting to the last byte.
	Timeout time.Duration
}

// String shows where the node is and never the password.
func (c Config) String() string { return "btcd at " + c.Address }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// maxAnswer bounds an answer in bytes: a block of 4 MB in hexadecimal.
const maxAnswer = 16 << 20

// An Error is what the node answered instead of a result.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("btcd says %q (%d)", e.Message, e.Code) }

// A Client calls one node. It may be used from any goroutine.
type Client struct {
	cfg  Config
	http *http.Client
}

// New returns a client. It does not connect.
func New(cfg Config) (*Client, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cfg.Certificate) {
		return nil, errors.New("btcd: certificate is no PEM certificate")
	}
	if cfg.Timeout <= 0 {
		return nil, errors.New("btcd: a timeout is needed")
	}
	// btcd closes the connection after every call and has a P-521 certificate,
	// whose verification is most of an idle node's work; sessions are resumed.
	secure := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(2)}
	transport := &http.Transport{TLSClientConfig: secure, MaxIdleConns: 2}
	return &Client{cfg: cfg, http: &http.Client{Transport: transport, Timeout: cfg.Timeout}}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

type request struct {
	Version string `json:"jsonrpc"`
	ID      int    `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

type response struct {
	Result json.RawMessage `json:"result"`
	Error  *Error          `json:"error"`
}

// Call calls a method and decodes its result into result, unless that is nil. An
// answer of the node that is an error is an [*Error]; everything else that goes
// wrong is wrapped.
func (c *Client) Call(result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(request{Version: "1.0", ID: 1, Method: method, Params: params})
	if err != nil {
		return fmt.Errorf("btcd %s: encode request: %w", method, err)
	}
	req, err := http.NewRequest(http.MethodPost, "https://"+c.cfg.Address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("btcd %s: %w", method, err)
	}
	req.SetBasicAuth(c.cfg.User, c.cfg.Password)
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("btcd %s: %w", method, err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("btcd %s: read answer: %w", method, err)
	}
	var reply response
	if err := json.Unmarshal(raw, &reply); err != nil {
		return fmt.Errorf("btcd %s: HTTP %s: %w", method, answer.Status, err)
	}
	if reply.Error != nil {
		return reply.Error
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		return fmt.Errorf("btcd %s: decode result: %w", method, err)
	}
	return nil
}
