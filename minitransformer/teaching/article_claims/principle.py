"""The article's sections 2.2 to 2.4 without their programs: the principle, the formula, and what
is said of the code.
"""

from minitransformer.teaching.article_claims.claim import Claim

CLAIMS = (
    Claim("2.2", "heading", "promise", "partly", ("04", "24"),
          ("Announces the principle, the steps, the formulas, and code with explanations.",
           "说要介绍原理、步骤、公式，以及带说明的代码。"),
          ("One formula follows, and it is half of one. The code is not explained: after each "
           "listing stands one sentence.",
           "随后只有一个公式，而且只有一半；代码没有讲解，每段程序后面只有一句话。"),
          ("{stops_first} of its mistakes, shown below, stop PyTorch {torch} (and {stops_second} "
           "of the second program's).",
           "代码里有 {stops_first} 处错误会让 PyTorch {torch} 报错中止，下文逐一演示"
           "（第二段程序里还有 {stops_second} 处）。")),
    Claim("2.2.1", "1.1", "claim", "right", ("02", "04", "05", "07"),
          ("Self-attention is the core: it captures relations between elements, and with them "
           "weights the information of the sequence.",
           "自注意力是核心：它捕捉元素之间的关系，并据此给序列中的信息加权。"),
          ("It is the only part in which tokens hear each other. Alone it does not get far: "
           "a layer for each token has to work on what was heard.",
           "只有在这里词元才互相“听见”。但光有它走不远：听到的东西，还要由逐词元的层来加工。"),
          ("Bits per character: {bits_unigram} with no context, {bits_head} with one head alone, "
           "{bits_blocks} with two whole blocks.",
           "每字符比特数（越小越好）：不看上下文 {bits_unigram}，"
           "只有一个注意力头 {bits_head}，两个完整的块 {bits_blocks}。")),
    Claim("2.2.1", "1.2", "definition", "partly", ("04", "05"),
          ("One vector q: from its dot product with each element x that element's weight is "
           "computed; the weights then give the representation of each x.",
           "取一个向量 q，与每个元素 x 作点积得到 x 的权重；再按权重算出每个 x 的表示。"),
          ("Every token has a q of its own. It is compared with keys, and values are mixed, both "
           "made of x by learned matrices. Between dot product and weight stands the softmax, "
           "which 2.2.3 names. And the mixture is the new row of the token that asked, not of "
           "each x.",
           "每个词元都有自己的 q；与之比较的是键，被混合的是值，"
           "二者都由 x 乘以学到的矩阵得来。从点积到权重还隔着 softmax，2.2.3 节才说到。"
           "混合的结果是提问的那个词元的新表示，而不是每个 x 的。"),
          ("The dot product of two random rows of width 64 has a variance of {score_variance}. Of "
           "32 weights the largest is then {sharp} on average; divided by √64, {scaled}.",
           "两个宽度为 64 的随机向量，点积的方差为 {score_variance}。"
           "32 个权重中最大的一个平均是 {sharp}；"
           "除以 √64 之后是 {scaled}。")),
    Claim("2.2.2", "1.1", "definition", "partly", ("04", "05"),
          ("Self-attention has two steps: compute the weights, and compute the weighted "
           "representation.",
           "自注意力有两步：计算权重，再计算加权后的表示。"),
          ("A fair summary. In the first step hide the scale, the mask and the softmax; around "
           "both stand four projections, and the heads.",
           "作为概括没有错。但第一步里还藏着缩放、掩码和 softmax；两步之外还有四个投影和多个头。")),
    Claim("2.2.3", "1.1", "definition", "partly", ("04",),
          ("The formula: weights = softmax(q times x).",
           "公式：权重 = softmax(q 乘 x)。"),
          ("A softmax of dot products is what an attention's weights are. But the scale is "
           "missing, the mask, and the second step that the text has just announced: out = "
           "softmax(q kᵀ / √K + mask) v (K: the width of a head). No formula says what is handed "
           "on.",
           "注意力的权重确实是点积的 softmax。但缺了缩放、掩码，"
           "也缺了上文刚说过的第二步：out = softmax(q kᵀ / √K + 掩码) v，"
           "K 是每个头的宽度。交给下一层的是什么，没有任何公式说明。"),
          ("Largest of 32 weights: {sharp} without the scale, {scaled} with it. Where a weight is "
           "near 1, the softmax hands back almost no gradient.",
           "32 个权重中最大的：不缩放 {sharp}，缩放后 {scaled}。权重接近 1 时，"
           "softmax 几乎不回传梯度。")),
    Claim("2.2.3", "2.1", "definition", "partly", ("02", "04"),
          ("q and x are the vectors of the query and of the input, the star is the dot product, "
           "and softmax computes the sum of the weights.",
           "q 和 x 是查询与输入序列的向量，星号是点积，softmax 用来求权重之和。"),
          ("The symbols are right. But the softmax computes no sum: it turns scores into positive "
           "numbers whose sum is 1. And with q as one vector there is one row of weights, where a "
           "text of T tokens has T.",
           "符号说明没有错。但 softmax 不求和：它把分数变成总和为 1 的正数。"
           "而且 q 若只是一个向量，权重就只有一行；"
           "T 个词元的文本应有 T 行。"),
          ("Sum of each row of weights: {weights_sum}, whatever the scores.",
           "每一行权重之和：{weights_sum}，与分数无关。")),
    Claim("2.2.4", "1.1", "claim", "wrong", ("08", "24"),
          ("The program before shows how self-attention makes a Transformer, and sets parameters.",
           "说上面的程序展示了怎样用自注意力实现 Transformer，并设置参数。"),
          ("Its last line stops before anything is built. And no line of it computes attention: "
           "that is left to a class that is defined nowhere.",
           "什么都还没建成，它就在最后一行停下了。而且没有一行计算注意力："
           "这件事交给了一个从未定义的类。"),
          ("PyTorch {torch}, the mistake of line 38: `{error_argument}`",
           "PyTorch {torch}，第 38 行的错误：`{error_argument}`")),
    Claim("2.3", "heading", "promise", "wrong", ("04", "12", "13", "14"),
          ("Announces a comparison with related techniques.",
           "说要与相关技术作比较。"),
          ("No other technique is named. A comparison needs a rival, the same data, and a number.",
           "没有提到任何别的技术。比较要有对照、有相同的数据、有一个数。"),
          ("Held-out text, bits per character: trigrams {bits_trigram}, gzip {bits_gzip}, our "
           "language model {bits_written}, and counted six-grams {bits_sixgram}: the simple rival "
           "wins. Other rivals: lessons 04, 13 and 14.",
           "在留出的文本上，每字符比特数：三元模型 {bits_trigram}，gzip {bits_gzip}，本项目的语"
           "言模型 {bits_written}，而靠计数的六元模型 {bits_sixgram}：简单的对照反而赢了。其他对"
           "照见第 04、13、14 课。")),
    Claim("2.3", "1.1", "claim", "partly", ("04", "14"),
          ("It has succeeded in language and speech; its main strength is to capture dependencies "
           "over long distances.",
           "它在语言和语音上很成功，主要长处是能捕捉长程依赖。"),
          ("Within the length that it was trained on, recall does not fall with the distance. "
           "Beyond, it depends on the positions. And the reach is bought with T² pairs.",
           "在训练过的长度之内，回忆的准确率不随距离下降；超出之后取决于位置编码。"
           "而能看得这么远，代价是 T² 个配对。"),
          ("Trained on {length} tokens, bits per character with sinusoids: {bits_near} in the last "
           "16 places within, {bits_beyond} in the first 16 beyond; with ALiBi {alibi_beyond} "
           "there.",
           "用长 {length} 个词元的文本训练，每字符比特数："
           "正弦位置编码在此长度之内的最后 16 个位置为 {bits_near}，"
           "超出后的前 16 个位置为 {bits_beyond}；ALiBi 在后者为 {alibi_beyond}。")),
    Claim("2.3", "1.2", "claim", "partly", ("19", "21", "22"),
          ("The three weak points again: memory, complexity, interpreting.",
           "又列一遍三个短处：显存、复杂度、难以解释。"),
          ("Memory is not a fate: attention in tiles never holds the T² weights, and blocks can be "
           "computed a second time. The results are the same.",
           "显存并非无法可想：分块（tile）计算的注意力从不保存 T² 个权重，"
           "各个块（block）也可以在反向传播时重新计算一遍，结果相同。"),
          ("The same step was run in {tiles_gib} GiB, where all weights kept would take "
           "{plain_gib} (counted); one attention layer in {layer_tiles} MiB in place of "
           "{layer_plain} (both measured).",
           "同样一步训练，若保存全部权重要 {plain_gib} GiB（计算值），实测 {tiles_gib} GiB；"
           "单个注意力层由 {layer_plain} MiB 降到 {layer_tiles} MiB（都是实测）。")),
    Claim("2.3", "2.1", "claim", "partly", ("04",),
          ("Again: self-attention is the core; it weights what the sequence holds, and from the "
           "weights comes the representation of each x.",
           "再次说明：自注意力是核心；先算权重，再按权重算出每个 x 的表示。"),
          ("As in 2.2.1: what is computed belongs to the one who asks.",
           "同 2.2.1：算出来的是提问者的表示。")),
    Claim("2.3", "2.2", "claim", "partly", ("21", "22"),
          ("It captures relations well, but its weights may take much computing; how to lessen "
           "that occupies research and industry.",
           "它能有效捕捉关系，但计算权重可能开销很大；怎样优化，学界和业界都在关注。"),
          ("It depends on the length, and one can say where: attention is half of a block at "
           "T = 2D + F (D: the model's width, F: the feed-forward's).",
           "取决于长度 T，而且界线说得出来：T = 2D + F 时（D 是模型宽度，"
           "F 是前馈网络的宽度），注意力恰占一个块运算量的一半。"),
          ("In the article's blocks: {share_short} at 60 tokens, a half at {half_at}, "
           "{share_long} at 5120.",
           "在文章规模的块里：60 个词元时占 {share_short}，{half_at} 个时占一半，"
           "5,120 个时占 {share_long}。")),
    Claim("2.4", "1.1", "claim", "wrong", ("08", "10", "24"),
          ("The program before shows how to build, set up, train and test a Transformer.",
           "说上面的程序展示了怎样实现、设置、训练和测试 Transformer。"),
          ("It stops at line 34. Mended until it runs, it does not train: no line computes a "
           "gradient or takes a step. And its test asks for one of its own training pairs.",
           "它在第 34 行停下。即使改到能运行，也谈不上训练：没有一行计算梯度或更新参数。"
           "而“测试”问的正是训练数据里的一对。"),
          ("PyTorch {torch}: `{error_names}`. A loop like its own changes the weights by "
           "{error_no_step}.",
           "PyTorch {torch}：`{error_names}`。同样写法的循环，权重的变化为 {error_no_step}。")),
)
