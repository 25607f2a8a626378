package transaction_test

const (
	frozenID     = "4bba47ee72cd562bc57311187c5ac7163d3e560c58b20b796c73305e4dab65de"
	frozenDigest = "ae2efe993be1f5f0c8f717387f8829d845d49b3c6345b64078e492d83becf2fc"
)
