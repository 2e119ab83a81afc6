"""The article's first program (2.2.4), line by line: 38 lines from its first import."""

from minitransformer.teaching.article_claims.claim import in_section, line

CLAIMS = in_section("2.2.4", (
    line("1-2", "works", ("24",),
         ("Imports NumPy and PyTorch.", "导入 NumPy 和 PyTorch。"),
         ("NumPy is used nowhere.", "NumPy 一次也没有用到。")),
    line("4-7", "works", ("09", "10"),
         ("A module with two vocabularies, width 512, 8 heads, a length of 5120, dropout and a "
          "learning rate.",
          "一个模块：两个词表、宽度 512、8 个头、长度 5120、dropout 和学习率。"),
         ("The learning rate is used nowhere: it belongs to the optimizer. Here: "
          "`EncoderDecoderConfig` and `AdamW(params, lr=...)`.",
          "学习率没有用到：它属于优化器。这里的写法："
          "`EncoderDecoderConfig` 和 `AdamW(params, lr=...)`。")),
    line("8-9", "unused", ("03", "08"),
         ("Two embedding tables.", "两张嵌入表。"),
         ("Rightly made, but no line reads from them: raw ids go into the encoder. Here: "
          "`token_embedding_forward`, times √D.",
          "造得对，却没有一行去查表：送进编码器的是原始编号。这里的写法："
          "`token_embedding_forward`，并乘以 √D。"),
         ("`{error_ids}`", "`{error_ids}`")),
    line("10", "unused", ("03",),
         ("Makes the positions from the width and the dropout rate.",
          "用宽度和 dropout 率造位置编码。"),
         ("The length is not handed over, and nobody calls them.",
          "没有把长度传进去，也没有人调用它。")),
    line("11", "stops", ("08",),
         ("Makes the stack of blocks from a class for encoder and decoder.",
          "用一个“编码器加解码器”的类造出整叠块。"),
         ("The class is defined nowhere, in the listing or in PyTorch. Here: `EncoderDecoder`.",
          "这个类哪里也没有定义，程序里没有，PyTorch 里也没有。这里的写法：`EncoderDecoder`。"),
         ("`{error_undefined}`", "`{error_undefined}`")),
    line("13-15", "stops", ("04", "08"),
         ("Asks the stack for a mask of the source and one of the target.",
          "向整叠块索取源文本和目标文本的掩码。"),
         ("The methods do not exist, and their names are exchanged. Three attentions need masks: "
          "padding in all, the future in the decoder's own. Here: `padding_mask`, `causal_mask`.",
          "这两个方法不存在，名字还互相弄反了。三处注意力都要掩码：填充处处要遮，"
          "未来只在解码器内部遮。"
          "这里的写法：`padding_mask`、`causal_mask`。"),
         ("`{error_masks}`", "`{error_masks}`")),
    line("16", "stops", ("08",),
         ("Gives both masks and both texts to the encoder, and takes two results.",
          "把两个掩码和两段文本都交给编码器，并取回两个结果。"),
         ("The encoder must not see the target. It takes the embedded source first, then masks, "
          "and gives one thing, the memory.",
          "编码器不应看到目标文本。它先接受嵌入后的源文本，再接受掩码，结果只有一个：记忆。"),
         ("`{error_encoder}`; and for the two results `{error_unpack}`",
          "`{error_encoder}`；取两个结果时 `{error_unpack}`")),
    line("17", "stops", ("08",),
         ("Gives the decoder the encoder's results twice, with the masks between.",
          "把编码器的结果交给解码器两次，中间夹着掩码。"),
         ("The target is missing, so nobody asks. Here: `decoder_block_forward(params, x, memory, "
          "...)`.",
          "没有目标文本，也就没有人提问。这里的写法："
          "`decoder_block_forward(params, x, memory, ...)`。"),
         ("`{error_decoder}`", "`{error_decoder}`")),
    line("18", "silent", ("02", "08"),
         ("Returns what the decoder gives.", "返回解码器的结果。"),
         ("Rows of 512 numbers, where the loss needs one score for each word of the vocabulary: "
          "the last linear layer is missing.",
          "那是每行 512 个数；损失需要的是词表中每个词的分数：少了最后的线性层。"),
         ("Line 56 of the second program then stops: `{error_view}`",
          "第二段程序的第 56 行因此停下：`{error_view}`")),
    line("20-23", "works", ("07",),
         ("A module for positions, with dropout.", "位置编码模块，带 dropout。"),
         ("Dropout on the sum is part of `token_embedding` here.",
          "在这里，对和做的 dropout 属于 `token_embedding`。")),
    line("24-25", "silent", ("03",),
         ("A table of 512 places of 512 numbers, and the places as a column.",
          "一张 512 个位置、每个 512 个数的表，以及排成一列的位置。"),
         ("There must be as many rows as places, 5120. Width and length have nothing to do with "
          "each other.",
          "行数应等于位置数 5120。宽度和长度毫不相干。")),
    line("26", "stops", ("03",),
         ("The speeds: a power with two exponents, then the exponential.",
          "各列的速度：带两个指数的幂，再取指数函数。"),
         ("A power has one exponent. Meant is exp(-log(10000) · 2i / D), for D/2 values of i.",
          "幂只有一个指数。本意是 exp(-log(10000) · 2i / D)，i 取 D/2 个值。"),
         ("`{error_power}`", "`{error_power}`")),
    line("27-28", "stops", ("03",),
         ("Sines into every second entry, cosines into the others, times 0.000857843629.",
          "隔一个填正弦，其余填余弦，再乘 0.000857843629。"),
         ("The index counts places, not columns, and there are twice too many speeds. The "
          "constant makes positions a thousand times too small. Here: `sinusoidal_positions`.",
          "这个下标数的是位置，不是列；速度也多了一倍。那个常数把位置编码缩小到千分之一左右。"
          "这里的写法：`sinusoidal_positions`。"),
         ("`{error_assign}`. Length of a row: {place}, times the constant {place_times}.",
          "`{error_assign}`。一行的长度 {place}，乘上常数只剩 {place_times}。")),
    line("29", "silent", ("03",),
         ("Adds an axis in front, and exchanges the first two.", "在前面加一根轴，再交换前两根。"),
         ("The table had three axes already. Now it has four, and a sum of tokens and positions "
          "has four as well.",
          "表本来就有三根轴，这下成了四根；词元加上位置之后也成了四根。"),
         ("Shape `{error_axes}`", "形状 `{error_axes}`")),
    line("30", "works", ("03",),
         ("Keeps the table with the module, but not as a parameter.",
          "把表登记在模块里，但不作参数。"),
         ("Sinusoids are not learned. Here they are computed when needed.",
          "正弦表不参与学习。这里用到时才计算。")),
    line("32-33", "stops", ("03",),
         ("Adds as many rows as the first size of x says.", "按 x 的第一个尺寸取行，加到 x 上。"),
         ("With x as (B, T, D) that counts sentences; as (T, B, D), PyTorch's default, it would be "
          "the length. But with the table of line 29 it stops for every length but 1 and 512; at "
          "length 1 it runs, and the result has an axis more.",
          "若 x 是 (B, T, D)，数的就是句子；若按 PyTorch 的习惯是 (T, B, D)，数的才是词元。"
          "可是配上第 29 行的表，除了长度 1 和 512 都会停下；"
          "长度为 1 时能跑，结果却多出一根轴。"),
         ("`{error_add}`. Six sentences of one token: `{error_grows}`.",
          "`{error_add}`。六个只有一个词元的句子：`{error_grows}`。")),
    line("34", "works", ("07",),
         ("Dropout on the sum.", "对和做 dropout。"),
         ("As in the paper.", "与原论文一致。")),
    line("36-38", "stops", ("24",),
         ("Makes a model with 20,000 words.", "造一个词表为 20,000 的模型。"),
         ("The target's vocabulary is not given. This is where the listing stops, before any of "
          "the mistakes above can.",
          "没有给出目标词表的大小。程序就停在这里，上面那些错误还轮不到发作。"),
         ("`{error_argument}`", "`{error_argument}`")),
))
