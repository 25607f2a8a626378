package book

import (
	"minimint/actors/client/clientwire"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

var (
	paymentScope = storage.Local("client-payments") // payment hash → id of the newest PAY
	invoiceScope = storage.Local("client-invoices") // payment hash → id of the INVOICE
	gatewayScope = storage.Local("client-gateways") // key → Experience
)

var contractKey = []byte("next contract")

// TakeContractIndex returns the number of the next contract key, from 0.
func TakeContractIndex(tx storage.Tx) uint32 {
	s := storage.Scoped(tx, memberScope)
	next := number(s.Get(contractKey))
	s.Put(contractKey, be64(next+1))
	return uint32(next)
}

// PaymentOf returns the newest operation that pays a payment hash, 0 if none does.
func PaymentOf(r storage.Reader, hash messages.Digest) uint64 {
	return number(storage.ScopedReader(r, paymentScope).Get(hash[:]))
}

// PutPayment writes that an operation pays a payment hash.
func PutPayment(tx storage.Tx, hash messages.Digest, id uint64) {
	storage.Scoped(tx, paymentScope).Put(hash[:], be64(id))
}

// InvoiceOf returns the operation that waits for a payment hash, 0 if none does.
func InvoiceOf(r storage.Reader, hash messages.Digest) uint64 {
	return number(storage.ScopedReader(r, invoiceScope).Get(hash[:]))
}

// PutInvoice writes that an operation waits for a payment hash.
func PutInvoice(tx storage.Tx, hash messages.Digest, id uint64) {
	storage.Scoped(tx, invoiceScope).Put(hash[:], be64(id))
}

// Experience returns what became of payments through a gateway.
func Experience(r storage.Reader, gateway [32]byte) *clientwire.Experience {
	e := new(clientwire.Experience)
	read(storage.ScopedReader(r, gatewayScope), gateway[:], e)
	return e
}

// AddExperience counts one payment more.
func AddExperience(tx storage.Tx, gateway [32]byte, paid bool) {
	e := Experience(tx, gateway)
	if paid {
		e.Paid++
	} else {
		e.Failed++
	}
	storage.Scoped(tx, gatewayScope).Put(gateway[:], canonical.Marshal(e))
}
