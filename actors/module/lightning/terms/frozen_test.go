package terms_test

const (
	frozenOutgoing = "6ce69b887334aa679e26981a78c61bc8124adc927de7f0a6e83bb9e359973966"
	frozenOffer    = "71f66049acda7cf432055c07747b691e8e0ff20432cbaef5e0fc57085c9221fd"
)
