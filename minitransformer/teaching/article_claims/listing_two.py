"""The article's second program (2.4), line by line: 64 lines from its first import."""

from minitransformer.teaching.article_claims.claim import in_section, line

CLAIMS = in_section("2.4", (
    line("1-3", "works", ("24",),
         ("Imports, the third under the name F.", "导入三个模块，第三个取名 F。"),
         ("F is used nowhere.", "F 一次也没有用到。")),
    line("5-9", "works", ("10",),
         ("The module once more, under a comment that says basic concepts.",
          "再写一遍那个模块，注释说是基本概念。"),
         ("As in the first program; dropout reaches only the positions, the learning rate nothing.",
          "与第一段相同；dropout 只传给了位置编码，学习率哪里也没有传到。")),
    line("10-11", "unused", ("03",),
         ("Two embedding tables.", "两张嵌入表。"),
         ("No line reads from them, here neither.", "这里同样没有一行去查表。")),
    line("12", "stops", ("03",),
         ("Makes the positions.", "创建位置编码模块。"),
         ("The class stands in the first program only. Run by itself, this one does not know it. "
          "Mended, it would be silent: nobody calls the positions.",
          "这个类只在第一段程序里。单独运行这一段时，没有它的定义。"
          "补上定义，就不再报错，可是没有一行调用位置编码。"),
         ("A `NameError`, like that of line 34.", "`NameError`，与第 34 行的报错同类。")),
    line("13", "silent", ("09",),
         ("Makes PyTorch's own Transformer of width, heads and length.",
          "用宽度、头数和长度创建 PyTorch 自带的 Transformer。"),
         ("The third argument is not a length: it is the number of encoder blocks, and the line "
          "asks for 5120. PyTorch's module has no length, no embedding, no positions.",
          "第三个参数不是长度，而是编码器的块数：这一行要了 5,120 块。"
          "PyTorch 的这个模块没有长度参数，也没有嵌入和位置编码。"),
         ("Asked for 20, it makes {error_third} blocks. 5120 would hold {blocks_billion} thousand "
          "million numbers, {blocks_gib} GiB.",
          "要 20 块，就创建 {error_third} 块。5,120 块共有 {blocks_billion_zh} 亿个参数，"
          "{blocks_gib} GiB。")),
    line("15-17", "stops", ("08",),
         ("Two masks, from methods with exchanged names.", "求两个掩码，方法名互换了。"),
         ("As in the first program. PyTorch's own for the future is "
          "`generate_square_subsequent_mask`.",
          "与第一段相同。PyTorch 里遮住未来的方法叫 `generate_square_subsequent_mask`。"),
         ("`{error_masks}`", "`{error_masks}`")),
    line("18-20", "stops", ("08",),
         ("Encoder, decoder, result.", "编码器、解码器、结果。"),
         ("As in the first program: wrong arguments, two results of one, no target in the decoder, "
          "no scores for a vocabulary.",
          "与第一段相同：传入的参数不对，一个结果当两个取，解码器里没有目标文本，"
          "也没有词表上的分数。"),
         ("`{error_encoder}`", "`{error_encoder}`")),
    line("22-26", "works", ("08",),
         ("A second module around the first.", "在外面再套一个模块。"),
         ("It adds nothing: the same arguments, one call.",
          "没有增加任何东西：参数相同，只有一次调用。")),
    line("27", "stops", ("08",),
         ("Makes the inner module from vocabulary, width, heads, length.",
          "用词表大小、宽度、头数、长度创建里面的模块。"),
         ("The target's vocabulary is left out, so each number moves up one place: 512 is taken "
          "for the vocabulary, 8 for the width, 5120 for the heads.",
          "漏了目标词表的大小，于是后面每个数都往前挪一位：512 成了词表大小，8 成了宽度，"
          "5,120 成了头数。"),
         ("`{error_swapped}`", "`{error_swapped}`")),
    line("29-31", "works", ("08",),
         ("Calls the inner module.", "调用里面的模块。"),
         ("As far as it goes.", "就这几行而言没有错。")),
    line("33-34", "stops", ("24",),
         ("Under the comment train the model: makes it.", "注释说是训练模型，其实是创建模型。"),
         ("Neither of the two sizes of vocabularies is defined. The program stops here first.",
          "两个词表的大小都没有定义。程序最先停在这里。"),
         ("`{error_names}`", "`{error_names}`")),
    line("36-37", "silent", ("02", "08"),
         ("The loss: cross-entropy.", "损失：交叉熵。"),
         ("The right loss, but padding counts as something to be learned. Here: "
          "`cross_entropy_forward(..., ignore_index=0)`.",
          "损失选得对，但填充也被当成要学的东西。本项目的写法："
          "`cross_entropy_forward(..., ignore_index=0)`。"),
         ("Where two targets of four are padding, the sum of the losses is {error_padding} times "
          "what is meant.",
          "四个目标中有两个是填充时，损失之和是应有值的 {error_padding} 倍。")),
    line("38", "works", ("10",),
         ("Adam with a rate of 0.001.", "Adam，学习率 0.001。"),
         ("A good choice, but nobody will call its `step`. And this size needs a warm-up.",
          "选得好，只是没有一行调用它的 `step`。而且这么大的模型需要预热。")),
    line("40-46", "silent", ("02", "03"),
         ("Six training pairs of marks such as PAD and START.",
          "六对训练数据，都是 PAD、START 之类的标记。"),
         ("Strings, where a tensor holds numbers: ids come first. And the pairs contradict each "
          "other: no model that must guess can have a loss below 4/5 log 2, padding left out "
          "(below log 2 as this program's loss counts).",
          "给的是字符串，而张量里只能放数：要先变成编号。而且各对数据互相矛盾，"
          "只要模型真的得猜，损失就不会低于 4/5 log 2（填充不计；照这段程序的算法，"
          "填充也计入，则不低于 log 2）。"),
         ("Line 48 then stops: `{error_list}`. The lowest possible loss: {least_loss}; with "
          "padding {least_padded}.",
          "第 48 行因此停下：`{error_list}`。损失的下限：{least_loss}；填充也计入时为 "
          "{least_padded}。")),
    line("48", "stops", ("10",),
         ("A data set as a loader, in batches of 16.", "把数据集当作加载器，每批 16 个。"),
         ("A `TensorDataset` takes tensors and knows no batches; a `DataLoader` around it makes "
          "them. Here: `Batch`, `BatchStream`.",
          "`TensorDataset` 接受张量，不懂分批；外面要套 `DataLoader`。本项目的写法：`Batch`、"
          "`BatchStream`。"),
         ("`{error_dataset}`", "`{error_dataset}`")),
    line("50-54", "works", ("10",),
         ("Five epochs; over the data, in pairs.", "循环五轮，逐对取出数据。"),
         ("Once there are batches.", "先要有批次，这几行才成立。")),
    line("55", "silent", ("08",),
         ("Gives source and target to the model.", "把源文本和目标文本交给模型。"),
         ("The decoder must get the target shifted by one place, with START in front.",
          "交给解码器的目标应当错开一位，最前面放 START。")),
    line("56", "silent", ("08",),
         ("The loss of the scores against the same target.", "用分数与同一个目标求损失。"),
         ("Nothing is shifted: the model has read what it is asked for, and learns to copy.",
          "没有错位：问的正是模型已经读到的，它只学会照抄。"),
         ("And without a last layer: `{error_view}`", "又因为没有最后的线性层：`{error_view}`")),
    line("57", "silent", ("01", "10"),
         ("Adds the loss to a running sum.", "把损失累加起来。"),
         ("No gradient is set to zero, none computed, no step taken: nothing is learned.",
          "没有清零梯度，没有反向传播，没有更新参数：什么也没有学到。"),
         ("After five epochs the weights have changed by {error_no_step}.",
          "五轮之后，权重的变化为 {error_no_step}。")),
    line("58-59", "stops", ("10",),
         ("The mean of the epoch, printed.", "求一轮的平均损失并打印。"),
         ("The mean is a plain number already, and has no `item`. And a mean of the batches' means "
          "is not the mean of the tokens, when batches differ.",
          "平均值已经是普通的数，没有 `item`。而且各批大小不同时，"
          "各批平均值的平均不等于全部词元的平均。"),
         ("`{error_item}`", "`{error_item}`")),
    line("61-62", "works", ("07",),
         ("To test: evaluation mode.", "测试：切换到评估模式。"),
         ("Dropout is off then.", "这样就关掉了 dropout。")),
    line("64", "stops", ("11", "12"),
         ("Asks for a prediction, from two strings.", "用两个字符串求预测。"),
         ("Again strings. And one training pair tells how well a model remembers, not what it has "
          "learned.",
          "又是字符串。而且拿训练过的一对来问，只能看出模型记住了多少，看不出学到了什么。"),
         ("`{error_string}`", "`{error_string}`")),
))
