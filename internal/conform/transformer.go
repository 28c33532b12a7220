package conform

import "voxen/engine/op"

// transformer lists the operations of language models.
func transformer() []Case {
	// attention sums over keys what softmax made of sums over units; float32
	// scores of standard normal units reach 30, and exp carries their error on
	const attend32, attend64 = 5e-6, 1e-13
	cs := []Case{
		{Spec: op.LayerNorm{Eps: 1e-12}, In: []Operand{in(d(1, 1, 5, 3), Normal), in(d(1, 1, 1, 3), Normal), in(d(1, 1, 1, 3), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.LayerNorm{Eps: 1e-5}, In: []Operand{view(d(2, 1, 70, 384), Raw), in(d(1, 1, 1, 384), Positive), in(d(1, 1, 1, 384), Normal)}, Limit32: 1e-5, Limit64: 1e-12},
		{Spec: op.LayerNorm{Eps: 1}, In: []Operand{in(d(1, 2, 4, 33), Zero), in(d(1, 1, 1, 33), Normal), in(d(1, 1, 1, 33), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.RMSNorm{Eps: 1e-6}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.RMSNorm{Eps: 1e-6}, In: []Operand{view(d(2, 1, 65, 301), Normal), in(d(1, 1, 1, 301), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.RMSNorm{Eps: 1e-5}, In: []Operand{in(d(1, 1, 3, 17), Zero), in(d(1, 1, 1, 17), Normal)}},
		{Spec: op.RMSNorm{Eps: 1e-6, Heads: 6}, In: []Operand{view(d(2, 1, 65, 300), Normal), in(d(1, 1, 1, 50), Positive)}, Limit32: round32, Limit64: round64},
		{Spec: op.RMSNorm{Eps: 1e-6, Heads: 3}, In: []Operand{in(d(1, 2, 3, 3), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.Rotary{Heads: 1}, In: []Operand{in(d(1, 1, 1, 2), Normal), in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.Rotary{Heads: 6}, In: []Operand{view(d(2, 1, 70, 60), Normal), in(d(1, 1, 70, 5), Normal), in(d(1, 1, 70, 5), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.Rotary{Heads: 6}, In: []Operand{view(d(2, 1, 70, 66), Normal), in(d(1, 1, 70, 2), Normal), in(d(1, 1, 70, 2), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.Rotary{Heads: 2}, In: []Operand{in(d(1, 1, 3, 600), Normal), in(d(1, 1, 3, 37), Normal), in(d(1, 1, 3, 37), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.Attention{Heads: 1, KVHeads: 1}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.Attention{Heads: 4, KVHeads: 4}, In: []Operand{view(d(2, 1, 33, 32), Normal), view(d(2, 1, 33, 32), Normal), view(d(2, 1, 33, 32), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.Attention{Heads: 6, KVHeads: 2, Causal: true}, In: []Operand{view(d(1, 1, 301, 90), Normal), in(d(1, 1, 301, 30), Normal), view(d(1, 1, 301, 30), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.Attention{Heads: 2, KVHeads: 1, Causal: true}, In: []Operand{in(d(2, 1, 130, 256), Positive), in(d(2, 1, 130, 128), Positive), in(d(2, 1, 130, 128), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.Attention{Heads: 6, KVHeads: 2, Causal: true, Window: 1}, In: []Operand{in(d(1, 1, 40, 90), Normal), in(d(1, 1, 40, 30), Normal), in(d(1, 1, 40, 30), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.Attention{Heads: 6, KVHeads: 2, Causal: true, Window: 37}, In: []Operand{view(d(1, 1, 301, 90), Normal), in(d(1, 1, 301, 30), Normal), view(d(1, 1, 301, 30), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.Attention{Heads: 2, KVHeads: 1, Causal: true, Window: 64, Scale: 0.3, Bound: 5}, In: []Operand{in(d(2, 1, 200, 256), Normal), in(d(2, 1, 200, 128), Normal), in(d(2, 1, 200, 128), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.Attention{Heads: 2, KVHeads: 2, Causal: true, Window: 500}, In: []Operand{in(d(1, 1, 70, 32), Normal), in(d(1, 1, 70, 32), Normal), in(d(1, 1, 70, 32), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.Attention{Heads: 4, KVHeads: 4, Bound: 2, Scale: 1}, In: []Operand{view(d(2, 1, 33, 32), Normal), view(d(2, 1, 33, 32), Normal), view(d(2, 1, 33, 32), Normal)}, Limit32: attend32, Limit64: attend64},
		{Spec: op.QueryKey{Heads: 1, KVHeads: 1}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Normal)}, Limit32: round32, Limit64: round64},
		{Spec: op.QueryKey{Heads: 6, KVHeads: 2}, In: []Operand{view(d(2, 1, 70, 90), Normal), view(d(2, 1, 70, 30), Normal)}, Limit32: 2e-6, Limit64: 1e-13},
		{Spec: op.MeanSpans{}, In: []Operand{in(d(1, 1, 12, 1), Normal), in(d(1, 1, 1, 2), Spans)}, Limit32: round32, Limit64: round64},
		{Spec: op.MeanSpans{}, In: []Operand{view(d(2, 1, 40, 301), Normal), in(d(2, 1, 70, 2), Spans)}, Limit32: round32, Limit64: round64},
		{Spec: op.LogSumExp{}, In: []Operand{in(d(1, 1, 1, 1), Normal), in(d(1, 1, 1, 1), Zero)}, Limit32: round32, Limit64: round64},
		{Spec: op.LogSumExp{}, In: []Operand{view(d(2, 1, 65, 301), Normal), in(d(2, 1, 65, 1), Choices)}, Limit32: round32, Limit64: round64},
		{Spec: op.LogSumExp{Bound: 3}, In: []Operand{view(d(1, 1, 33, 129), Raw), in(d(1, 1, 33, 1), Choices)}, Limit32: 2e-6, Limit64: round64},
		{Spec: op.LogSumExp{}, In: []Operand{in(d(1, 1, 5, 40), Extreme), in(d(1, 1, 5, 1), Choices)}, Limit32: round32, Limit64: round64},
		// what is kept is copied
		{Spec: op.TopK{K: 1}, In: []Operand{in(d(1, 1, 1, 1), Normal)}},
		{Spec: op.TopK{K: 1}, In: []Operand{view(d(2, 1, 65, 301), Normal)}},
		{Spec: op.TopK{K: 32}, In: []Operand{view(d(2, 3, 65, 301), Normal)}},
		{Spec: op.TopK{K: 301}, In: []Operand{in(d(1, 1, 3, 301), Normal)}},
		{Spec: op.TopK{K: 7}, In: []Operand{in(d(1, 1, 40, 130), Flags)}},
		{Spec: op.TopK{K: 9}, In: []Operand{in(d(1, 1, 40, 130), Sparse)}}, // some of the zeros, some of the negative
		{Spec: op.TopK{K: 60}, In: []Operand{in(d(1, 1, 40, 130), Sparse)}},
		{Spec: op.TopK{K: 3}, In: []Operand{in(d(1, 1, 40, 5), Ties)}},
		{Spec: op.TopK{K: 11}, In: []Operand{in(d(1, 1, 5, 40), Extreme)}},
	}
	for _, kind := range []op.Activation{op.GELU, op.GELUTanh, op.SiLU, op.ReLU} {
		cs = append(cs,
			Case{Spec: op.Activate{Kind: kind}, In: []Operand{in(d(1, 1, 1, 1), Normal)}, Limit32: 2e-6, Limit64: round64},
			Case{Spec: op.Activate{Kind: kind}, In: []Operand{view(d(2, 1, 33, 301), Normal)}, Limit32: round32, Limit64: round64},
			Case{Spec: op.Activate{Kind: kind}, In: []Operand{in(d(1, 1, 5, 40), Extreme)}, Limit32: round32, Limit64: round64},
			Case{Spec: op.Activate{Kind: kind}, In: []Operand{view(d(1, 1, 70, 129), Normal), view(d(1, 1, 70, 129), Normal)}, Limit32: round32, Limit64: round64})
	}
	return cs
}
