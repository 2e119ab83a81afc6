"""The article's sections 1 and 2.1: what the Transformer is praised and blamed for, and made of."""

from minitransformer.teaching.article_claims.claim import Claim

CLAIMS = (
    Claim("1", "1.1", "claim", "right", ("15", "16", "17", "18"),
          ("Deep learning has gone far, and the strong and flexible Transformer is now the usual "
           "method for language and speech.",
           "深度学习进步很大；Transformer 既强又灵活，已是处理语言和语音的常用方法。"),
          ("So it is used: three models that others made for text and for speech run in this "
           "package, in the same blocks. How strong and how flexible, the rows below ask.",
           "用得确实很广：别人为文本和语音训练的三个模型，都能用本项目里同样的块运行。"
           "究竟多强、多灵活，下面各行再问。"),
          ("The same blocks name the speaker of {voices} of the recordings of a test part, and "
           "sort {lora_128} of another test part's questions into the right one of six kinds.",
           "用同样的块，在测试集上听出 {voices} 的录音是谁在说话；"
           "把问题分成六类，另一个测试集上分对 {lora_128}。")),
    Claim("1", "1.2", "claim", "partly", ("03", "04", "07"),
          ("Word vectors, self-attention and residual connections are what it has before others; "
           "by them it captures dependencies over long distances.",
           "词向量、自注意力、残差连接是它独有的长处，长距离的依赖关系就是靠它们捕捉的。"),
          ("Only self-attention carries anything over a distance. Tables of word vectors and "
           "residuals are older than the Transformer, and neither looks at another token.",
           "只有自注意力能跨越距离。词向量表和残差都比 Transformer 更早出现，而且都不看别的词元。"),
          ("A name seen {far} tokens back is recalled by attention in {recall_attention} of the "
           "cases, by a window of four tokens with as many parameters in {recall_window}: the "
           "level of a guess.",
           "回忆 {far} 个词元之前出现过的名字：注意力的准确率为 {recall_attention}，"
           "参数同样多、只看四个词元的窗口模型为 {recall_window}，与乱猜相当。")),
    Claim("1", "1.3", "claim", "partly", ("19", "20", "21", "22"),
          ("It has weak points: the memory of the graphics card, a high complexity, and that it "
           "is hard to interpret.",
           "它有短处：显存吃紧、复杂度高、不容易解释。"),
          ("All three are real, and none is given a size. Memory: 4 B H T² bytes of weights for "
           "each attention (B texts in the batch, H heads, T tokens). Complexity: of what, it "
           "does not say; in computing, T² outweighs the rest only in long texts. Hard to "
           "interpret: yes, but every number inside can be read and changed.",
           "三条都属实，但没有一条说明有多大。显存：每一处注意力的权重占 4BHT² 字节"
           "（B 是批大小，H 是头数，T 是词元数）。复杂度：没有说是什么的复杂度；就计算量而言，"
           "只有文本很长时，T² 项才超过其余部分。"
           "难解释：确实，但内部每个数都可以读出来，也可以改动。"),
          ("A training step at the article's own size, {parameters} million parameters and 5120 "
           "tokens, would take {plain_gib} GiB, of which {weights_gib} GiB are attention weights "
           "(counted by a formula; not run). At 60 tokens these weights are {short_mib} MiB; the "
           "parameters, gradients and moments are {state_gib} GiB at any length.",
           "按文章自己的规模（{parameters_zh} 万个参数、5,120 个词元）训练一步需要 {plain_gib} "
           "GiB，其中 {weights_gib} GiB 是注意力权重（用公式算出，没有实际运行）。"
           "60 个词元时，注意力权重只有 {short_mib} MiB；而参数、梯度和 Adam 的矩，"
           "不论多长都是 {state_gib} GiB。")),
    Claim("1", "1.4", "claim", "empty", (),
          ("That is why research and industry both want better performance and a model that is "
           "easier to interpret.",
           "因此，学界和业界都想让它性能更好、更容易解释。"),
          ("A sentence about people. And it leaves open what performance is: accuracy, time or "
           "memory? A remedy for one may cost another.",
           "这句话说的是人，不是模型。而且“性能”指什么，没有说：准确率、时间，"
           "还是内存？改善其中一样，可能要牺牲另一样。")),
    Claim("1", "2.1", "promise", "partly", ("19", "20"),
          ("The text will show the challenges, and how to make a Transformer better and easier to "
           "interpret.",
           "本文要介绍这些挑战，并讨论怎样使模型性能更好、更容易解释。"),
          ("The challenges are named, and 2.5 has advice on performance. For interpreting, no "
           "method follows: the word returns in lists of weak points, and nowhere else. Lessons "
           "19 and 20 have seven ways to read, and two to act.",
           "挑战列举了，2.5 节也有关于性能的建议。但关于怎样解释，下文没有给出任何方法，“可解释性”"
           "只在列举缺点时再次出现。第 19、20 课有七种“读”模型的方法和两种“动手”干预的方法。"),
          ("Attention alone named the two tokens that decide in {attention_least} to "
           "{attention_most} of the texts, depending on the seed; deleting tokens in at least "
           "{deletion_least}.",
           "找出起决定作用的两个词元：只看注意力，在 {attention_least} 到 {attention_most} "
           "的文本里找对（取决于随机种子）；逐个删去词元，至少在 {deletion_least} 的文本里找对。")),
    Claim("2.1", "1.1", "definition", "partly", ("03", "15"),
          ("A deep network that rests on self-attention, mainly for sequences.",
           "一种以自注意力为基础的深层网络，主要用来处理序列。"),
          ("But attention by itself sees a set, not a sequence. The order has to be added, "
           "by positions. And a picture cut into patches is a sequence too.",
           "但注意力本身看到的是集合，不是序列；次序要靠位置编码另外加进去。图像切成小块，"
           "也是序列。"),
          ("Of handwritten digits as 16 patches, {digits_placed} are read with positions and "
           "{digits_unplaced} without (validation).",
           "把手写数字切成 16 块：有位置编码时认对 {digits_placed}，"
           "没有时只有 {digits_unplaced}（验证集）。")),
    Claim("2.1", "1.2", "claim", "partly", ("04", "07"),
          ("Its core idea: self-attention captures how the elements relate, and residual "
           "connections build the context.",
           "核心思想：自注意力捕捉元素之间的关系，残差连接负责建立上下文。"),
          ("The first half is right. A residual builds no context: out = x + branch adds to each "
           "token what its own branch gives. It keeps what the token was before it heard the "
           "others, and gradients a clear road.",
           "前半句对。残差并不建立上下文：out = x + 分支，只是给每个词元加上它自己那条分支的"
           "输出。它保留词元在“听取”其他词元之前的样子，也给梯度留一条畅通的路。"),
          ("One of {heard_of} tokens is changed. Through a residual around a layer for each token "
           "{heard_residual} output changes, through attention {heard_attention}.",
           "改动 {heard_of} 个词元中的一个：经过残差和逐词元的层，"
           "只有 {heard_residual} 个输出改变；"
           "经过注意力，{heard_attention} 个都变。")),
    Claim("2.1", "1.3", "definition", "wrong", ("05", "07", "08"),
          ("It consists mainly of one self-attention module, which computes the attention of "
           "query, key and value, and of three modules called encoder-decoder-self, which map the "
           "input to different positions.",
           "它主要由一个自注意力模块和三个名为“encoder-decoder-self”的子模块组成：前者计算查询、键、"
           "值的注意力，"
           "后者把输入映射到不同的位置。"),
          ("That attention takes query, key and value is right. The three other modules do not "
           "exist. There are an encoder and a decoder, each a stack of blocks, and attention in "
           "three places: within the encoder, within the decoder (masked), and from the decoder "
           "to the memory. Nothing maps to other positions: T rows go in, T rows "
           "come out. The feed-forward of every block is not mentioned.",
           "注意力用到查询、键、值，这一点没错。但那三个子模块并不存在：实际上是一个编码器和一个解码器，各由若干块堆叠而成；"
           "注意力出现在三处：编码器内部、解码器内部（带掩码）、"
           "从解码器到记忆（编码器的输出）。没有什么被“映射到不同位置”：进去 T 行，"
           "出来还是 T 行。每块里的前馈网络，文章只字未提。"),
          ("Of the matrices of an encoder block, feed-forward holds {wide_share}.",
           "编码器块的矩阵参数中，前馈网络占 {wide_share}。")),
)
