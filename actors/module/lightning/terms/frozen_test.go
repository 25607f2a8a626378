package terms_test

const (
	frozenOutgoing = "6ce69b887334aa679e26981a78c61bc8124adc927de7f0a6e83bb9e359973966"
	frozenOffer    = "bfbe851048310183b33837c63e52834877b7439538adae463b279f246cd6fb53"
)
