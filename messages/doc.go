// Package messages holds the values that every part of a federation names:
// identities, positions, amounts and rejections. It knows no actor and does
// nothing; packages below it hold what particular actors say to each other.
//
//	canonical    the one byte form of whatever is hashed, signed or agreed on
//	wire         protobuf schemas and their generated code
//	transaction  transactions, their status and the outcomes of their outputs
//	consensus    what an epoch agrees on, and what the processor is told
//	hbbft        frames and votes of HoneyBadgerBFT
//	link         the frame of the transport between actor systems
//	timing       ticks of the clock actor
//
// A value of these packages is plain: once sent it is never written again.
package messages
