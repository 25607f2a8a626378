package messages

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A RejectionCode says why something that a client asked for was refused. The
// set is closed: clients decide by it, people read the text beside it.
type RejectionCode uint16

// The codes. Their numbers are on the wire and in storage: they never change.
const (
	RejectMalformed        RejectionCode = 1  // bytes are no such value
	RejectTooLarge         RejectionCode = 2  // beyond a size or count limit
	RejectUnknownModule    RejectionCode = 3  // no module of that kind here
	RejectUnbalanced       RejectionCode = 4  // inputs differ from outputs plus fee
	RejectAmountOverflow   RejectionCode = 5  // a sum leaves the range of amounts
	RejectFeeTooLow        RejectionCode = 6  // fee does not cover the items
	RejectSignature        RejectionCode = 7  // missing or wrong transaction signature
	RejectDuplicate        RejectionCode = 8  // the same thing twice in one transaction
	RejectNoteInvalid      RejectionCode = 9  // a note's signature is wrong
	RejectNoteSpent        RejectionCode = 10 // a note's nonce is spent
	RejectTier             RejectionCode = 11 // no such denomination
	RejectBlindNonceUsed   RejectionCode = 12 // blind nonce was signed before
	RejectBlockUnknown     RejectionCode = 13 // block not (yet) recorded by the federation
	RejectPegInProof       RejectionCode = 14 // proof does not show the deposit
	RejectPegInClaimed     RejectionCode = 15 // deposit was claimed before
	RejectPegInTooSmall    RejectionCode = 16 // deposit does not pay for its own spending
	RejectAddress          RejectionCode = 17 // address is of another network or of no known kind
	RejectDust             RejectionCode = 18 // below the dust limit
	RejectPegOutFee        RejectionCode = 19 // declared fee does not cover the real one
	RejectNoFunds          RejectionCode = 20 // federation has no spendable coins for it now
	RejectPegOutLimit      RejectionCode = 21 // too many peg-outs pending
	RejectDepositsFrozen   RejectionCode = 22 // an agreed block was orphaned
	RejectInsolvent        RejectionCode = 23 // would take assets below liabilities
	RejectBusy             RejectionCode = 24 // pool or session limits are reached
	RejectUnknownQuery     RejectionCode = 25 // module answers no such query
	RejectNotFound         RejectionCode = 26 // the thing asked for is not known here
	RejectWrongFederation  RejectionCode = 27 // meant for another federation
	RejectUnauthorized     RejectionCode = 28 // caller may not ask for that
	RejectDeadline         RejectionCode = 29 // the wait ended before there was an answer
	RejectModuleOwn        RejectionCode = 30 // a third-party module's own reason, see the text
	RejectItemWithoutValue RejectionCode = 31 // a consensus item that changes nothing
	RejectContractExists   RejectionCode = 32 // a contract with these terms was offered or funded before
	RejectContractUnknown  RejectionCode = 33 // no contract or offer of that id (yet)
	RejectContractClosed   RejectionCode = 34 // the contract's money is gone
	RejectContractNotReady RejectionCode = 35 // a preimage is not revealed yet, or a height not reached
	RejectContractParty    RejectionCode = 36 // the money is not, or no more, for this key
	RejectContractAmount   RejectionCode = 37 // amount does not pay for taking it out again
	RejectPreimage         RejectionCode = 38 // preimage is not that of the payment hash
	RejectForfeit          RejectionCode = 39 // not the gateway's signature that gives this contract up
	RejectExpiry           RejectionCode = 40 // expiry has passed, or lies too far ahead
	RejectCiphertext       RejectionCode = 41 // encrypted preimage is not valid under the terms of its offer
	RejectListing          RejectionCode = 42 // not signed by the gateway, or older than what is listed
)

// A Rejection is a typed refusal: data, not a failure of ours.
type Rejection struct {
	Code RejectionCode
	// Final is false when the same bytes may pass later (not yet buried, not
	// yet agreed, busy); a client then resubmits them.
	Final bool
	// Text tells a person what is wrong and what to do.
	Text string
}

// MaxRejectionText bounds Text in bytes. Text is also valid UTF-8, whatever it
// quotes: it goes into protobuf strings, and one that is not would make a refusal
// that nobody can store or send.
const MaxRejectionText = 512

// Error makes a Rejection usable as the error of a rule: the rule had no effect.
func (r *Rejection) Error() string { return fmt.Sprintf("rejected (%d): %s", r.Code, r.Text) }

// Reject returns a final rejection.
func Reject(code RejectionCode, format string, args ...any) *Rejection {
	return &Rejection{Code: code, Final: true, Text: clip(fmt.Sprintf(format, args...))}
}

// RejectForNow returns a rejection that may turn into acceptance later.
func RejectForNow(code RejectionCode, format string, args ...any) *Rejection {
	return &Rejection{Code: code, Text: clip(fmt.Sprintf(format, args...))}
}

// Legible makes a text of somebody else fit to be kept and shown as the Text of a
// [Rejection]: characters that cannot be printed, among them what steers a terminal, are
// replaced, and it ends between two characters.
func Legible(text string) string {
	var out strings.Builder
	for _, c := range text {
		if !unicode.IsPrint(c) {
			c = unicode.ReplacementChar
		}
		if out.Len()+utf8.RuneLen(c) > MaxRejectionText {
			break
		}
		out.WriteRune(c)
	}
	return out.String()
}

// clip returns s as valid UTF-8 of at most MaxRejectionText bytes, cut between
// characters.
func clip(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 2*MaxRejectionText)], string(utf8.RuneError))
	if len(s) <= MaxRejectionText {
		return s
	}
	end := MaxRejectionText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
