package moduletest_test

import (
	"encoding/binary"
	"testing"

	"minimint/actors/module/contract"
	"minimint/actors/module/moduletest"
	"minimint/messages"
	"minimint/storage"
)

// tipJar is a whole third-party module: outputs put money under a key, inputs
// take all that is under a key, signed by it. An output is key (32 bytes) and
// amount (8 bytes); an input is a key.
type tipJar struct{}

const jarKey, jarOutput = 32, 40

func (tipJar) Kind() messages.ModuleKind { return "tip-jar" }

func (tipJar) Check(batch []contract.Items) []contract.Verdict {
	verdicts := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		for _, in := range items.Inputs {
			if len(in) != jarKey {
				verdicts[i].Rejection = messages.Reject(messages.RejectMalformed, "a key has %d bytes", jarKey)
				continue
			}
			verdicts[i].Keys = append(verdicts[i].Keys, [][32]byte{[32]byte(in)})
		}
		for _, out := range items.Outputs {
			if len(out) != jarOutput {
				verdicts[i].Rejection = messages.Reject(messages.RejectMalformed, "an output has %d bytes", jarOutput)
			}
		}
	}
	return verdicts
}

func (tipJar) ApplyInput(tx storage.Tx, env contract.Env, key []byte) (contract.Worth, error) {
	held := tx.Get(key)
	if held == nil {
		return contract.Worth{}, messages.Reject(messages.RejectModuleOwn, "there is nothing in this jar")
	}
	amount := messages.Amount(binary.BigEndian.Uint64(held))
	tx.Delete(key)
	env.Ledger().Liability("jars", -int64(amount))
	return contract.Worth{Amount: amount}, nil
}

func (tipJar) ApplyOutput(tx storage.Tx, env contract.Env, _ messages.OutPoint, out []byte) (contract.Worth, error) {
	tip, err := messages.NewAmount(binary.BigEndian.Uint64(out[jarKey:]))
	if err != nil {
		return contract.Worth{}, messages.Reject(messages.RejectAmountOverflow, "tip: %v", err)
	}
	sum := tip
	if held := tx.Get(out[:jarKey]); held != nil {
		if sum, err = tip.Add(messages.Amount(binary.BigEndian.Uint64(held))); err != nil {
			return contract.Worth{}, messages.Reject(messages.RejectAmountOverflow, "jar: %v", err)
		}
	}
	tx.Put(out[:jarKey], binary.BigEndian.AppendUint64(nil, uint64(sum)))
	env.Ledger().Liability("jars", int64(tip))
	return contract.Worth{Amount: tip}, nil
}

func (tipJar) ApplyItem(storage.Tx, contract.Env, messages.PeerID, []byte) error {
	return &contract.Misbehaviour{Text: "a tip jar has no consensus items"}
}

func (tipJar) EndEpoch(storage.Tx, contract.Env) error { return nil }

func jarScenes() []moduletest.Scene {
	jar := func(key byte, amount uint64) []byte {
		return binary.BigEndian.AppendUint64(append(make([]byte, jarKey-1), key), amount)
	}
	return []moduletest.Scene{
		{Output: jar(1, 500)}, {Output: jar(1, 20)}, {Output: jar(2, 7)}, {Input: jar(1, 0)[:jarKey]}, {Output: jar(3, 1)},
	}
}

func TestThirdPartyModule(t *testing.T) {
	moduletest.Run(t, moduletest.Play{New: func() contract.Module { return tipJar{} }, Scenes: jarScenes()})
}
