"""The article's first program (2.2.4), line by line: 38 lines from its first import."""

from minitransformer.teaching.article_claims.claim import in_section, line

CLAIMS = in_section("2.2.4", (
    line("1-2", "works", ("24",),
         ("Imports NumPy and PyTorch.", "导入 NumPy 和 PyTorch。"),
         ("NumPy is used nowhere.", "NumPy 一次也没有用到。")),
    line("4-7", "works", ("08", "10"),
         ("A module with two vocabularies, width 512, 8 heads, a length of 5120, dropout and a "
          "learning rate.",
          "一个模块：两个词表、宽度 512、8 个头、长度 5,120、dropout 和学习率。"),
         ("The learning rate is used nowhere: it belongs to the optimizer. Here: "
          "`EncoderDecoderConfig` and `AdamW(params, lr=...)`.",
          "学习率没有用到：它属于优化器。本项目的写法：`EncoderDecoderConfig` 和 "
          "`AdamW(params, lr=...)`。")),
    line("8-9", "unused", ("03", "08"),
         ("Two embedding tables.", "两张嵌入表。"),
         ("Rightly made, but no line reads from them: raw ids go into the encoder. Here: "
          "`token_embedding_forward`, times √D.",
          "创建得没有错，却没有一行去查表：送进编码器的是原始编号。本项目的写法："
          "`token_embedding_forward`，并乘以 √D。"),
         ("`{error_ids}`", "`{error_ids}`")),
    line("10", "unused", ("03",),
         ("Makes the positions from the width and the dropout rate.",
          "用宽度和 dropout 率创建位置编码模块。"),
         ("The length is not handed over, and nobody calls them.",
          "没有把长度传进去，也没有一行调用它。")),
    line("11", "stops", ("08",),
         ("Makes the stack of blocks from a class for encoder and decoder.",
          "用一个“编码器加解码器”的类创建全部的块。"),
         ("The class is defined nowhere, in the listing or in PyTorch. Here: `EncoderDecoder`.",
          "这个类从未定义：程序里没有，PyTorch 里也没有。本项目的写法：`EncoderDecoder`。"),
         ("`{error_undefined}`", "`{error_undefined}`")),
    line("13-15", "stops", ("04", "08"),
         ("Asks the stack for a mask of the source and one of the target.",
          "向第 11 行创建的对象索取源文本和目标文本的掩码。"),
         ("The methods do not exist, and their names are exchanged. Three attentions need masks: "
          "padding in all, the future in the decoder's own. Here: `padding_mask`, `causal_mask`.",
          "这两个方法不存在，名字还互换了。三处注意力都要掩码：填充处处都要遮，"
          "未来只在解码器的自注意力里遮。本项目的写法：`padding_mask`、`causal_mask`。"),
         ("`{error_masks}`", "`{error_masks}`")),
    line("16", "stops", ("08",),
         ("Gives both masks and both texts to the encoder, and takes two results.",
          "把两个掩码和两段文本都交给编码器，并取回两个结果。"),
         ("The encoder must not see the target. It takes the embedded source first, then masks, "
          "and gives one thing, the memory.",
          "编码器不应看到目标文本。它的参数先是嵌入后的源文本，然后是掩码；"
          "结果只有一个：记忆。"),
         ("`{error_encoder}`; and for the two results `{error_unpack}`",
          "`{error_encoder}`；取两个结果时 `{error_unpack}`")),
    line("17", "stops", ("08",),
         ("Gives the decoder the encoder's results twice, with the masks between.",
          "把编码器的结果交给解码器两次，中间夹着掩码。"),
         ("The target is missing, so nobody asks. Here: `decoder_block_forward(params, x, memory, "
          "...)`.",
          "缺了目标文本，也就没有提问的一方（查询）。本项目的写法："
          "`decoder_block_forward(params, x, memory, ...)`。"),
         ("`{error_decoder}`", "`{error_decoder}`")),
    line("18", "silent", ("02", "08"),
         ("Returns what the decoder gives.", "返回解码器的结果。"),
         ("Rows of 512 numbers, where the loss needs one score for each word of the vocabulary: "
          "the last linear layer is missing.",
          "那是每行 512 个数；而损失需要词表中每个词的分数：缺了最后的线性层。"),
         ("Line 56 of the second program then stops: `{error_view}`",
          "第二段程序的第 56 行因此停下：`{error_view}`")),
    line("20-23", "works", ("07",),
         ("A module for positions, with dropout.", "位置编码模块，带 dropout。"),
         ("Dropout on the sum is part of `token_embedding` here.",
          "本项目中，对“词元加位置”之和做 dropout，是 `token_embedding` 的一部分。")),
    line("24-25", "silent", ("03",),
         ("A table of 512 places of 512 numbers, and the places as a column.",
          "一张 512 个位置、每个位置 512 个数的表，以及排成一列的位置编号。"),
         ("There must be as many rows as places, 5120. Width and length have nothing to do with "
          "each other.",
          "行数应等于位置数 5,120。宽度与长度毫不相干。")),
    line("26", "stops", ("03",),
         ("The speeds: a power with two exponents, then the exponential.",
          "各列的频率：先求一个带两个指数的幂，再取指数函数。"),
         ("A power has one exponent. Meant is exp(-log(10000) · 2i / D), for D/2 values of i.",
          "幂只有一个指数。本意是 exp(-log(10000) · 2i / D)，i 取 D/2 个值，D 是宽度。"),
         ("`{error_power}`", "`{error_power}`")),
    line("27-28", "stops", ("03",),
         ("Sines into every second entry, cosines into the others, times 0.000857843629.",
          "隔一个填正弦，其余填余弦，再乘 0.000857843629。"),
         ("The index counts places, not columns, and there are twice too many speeds. The "
          "constant makes positions a thousand times too small. Here: `sinusoidal_positions`.",
          "这个下标选的是位置，不是列；频率的个数也多了一倍。那个常数把位置编码缩小到千分之一"
          "左右。本项目的写法：`sinusoidal_positions`。"),
         ("`{error_assign}`. Length of a row: {place}, times the constant {place_times}.",
          "`{error_assign}`。一行向量的模为 {place}，乘上常数只剩 {place_times}。")),
    line("29", "silent", ("03",),
         ("Adds an axis in front, and exchanges the first two.",
          "在最前面加一维，再交换前两维。"),
         ("The table had three axes already. Now it has four, and a sum of tokens and positions "
          "has four as well.",
          "表本来就有三维，这下成了四维；词元加上位置编码之后，也成了四维。"),
         ("Shape `{error_axes}`", "形状 `{error_axes}`")),
    line("30", "works", ("03",),
         ("Keeps the table with the module, but not as a parameter.",
          "把表登记到模块里，但不作为参数。"),
         ("Sinusoids are not learned. Here they are computed when needed.",
          "正弦表不参与学习。本项目在用到时才计算。")),
    line("32-33", "stops", ("03",),
         ("Adds as many rows as the first size of x says.",
          "按 x 第一维的大小取行，加到 x 上。"),
         ("With x as (B, T, D) that counts sentences; as (T, B, D), PyTorch's default, it would "
          "be the length. But with the table of line 29, (B, T, D) stops for every length but 1 "
          "and 512, (T, B, D) for every batch but of these sizes; where it runs, the result has "
          "an axis more.",
          "若 x 是 (B, T, D)，第一维数的是句子；若按 PyTorch 的默认次序 (T, B, D)，"
          "数的才是词元。可是配上第 29 行的表，(B, T, D) 时除了长度 1 和 512 都会停下，"
          "(T, B, D) 时除了批大小 1 和 512 都会停下；能运行时，结果却多出一维。"),
         ("`{error_add}`. Six sentences of one token: `{error_grows}`.",
          "`{error_add}`。六个只有一个词元的句子：`{error_grows}`。")),
    line("34", "works", ("07",),
         ("Dropout on the sum.", "对相加的结果做 dropout。"),
         ("As in the paper.", "与原论文一致。")),
    line("36-38", "stops", ("24",),
         ("Makes a model with 20,000 words.", "创建一个词表大小为 20,000 的模型。"),
         ("The target's vocabulary is not given. This is where the listing stops, before any of "
          "the mistakes above can.",
          "没有给出目标词表的大小。程序就停在这里，上面那些错误还轮不到发作。"),
         ("`{error_argument}`", "`{error_argument}`")),
))
