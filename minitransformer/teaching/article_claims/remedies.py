"""The article's sections 2.5 and 7: its advice, and its questions with their answers."""

from minitransformer.teaching.article_claims.claim import Claim

CLAIMS = (
    Claim("2.5.1", "1.1", "advice", "partly", ("07", "13"),
          ("Batch norm and residual connections make a Transformer better and steadier.",
           "批量归一化和残差连接能有效提高性能和稳定性。"),
          ("Residuals and a norm: yes. Residuals alone explode. That the norm should be batch norm "
           "does not follow: beside layer norm it is ahead early and behind later. And it has a "
           "price: it ties a text to its neighbours in the batch, and would show a causal model "
           "the future.",
           "残差加上归一化，对；只有残差，梯度会爆炸。但由此得不出非用批量归一化不可："
           "与层归一化相比，"
           "它先领先，后落后。它还有代价：一段文本会受同批其他文本影响，"
           "放进因果模型就泄露了未来。"),
          ("After 64 fresh blocks with skip paths the gradient is 10^{power_none} times as long "
           "without a norm, 10^{power_layer} with layer norm. A small translator's loss after 100 "
           "steps, each at its best rate: layer {norm_layer}, batch {norm_batch}, none "
           "{norm_none}; after 300: {late_layer}, {late_batch}, {late_none}. With eight "
           "blocks a side, after 100: layer {deep_layer}, batch {deep_batch}, none: "
           "{deep_lost} of {deep_runs} runs overflowed.",
           "64 个未经训练、带捷径的块之后，梯度变长的倍数：没有归一化 10^{power_none}，"
           "层归一化 10^{power_layer}。小翻译器训练 100 步的损失（各取最好的学习率）："
           "层 {norm_layer}、批量 {norm_batch}、无 {norm_none}；"
           "300 步：{late_layer}、{late_batch}、{late_none}。每侧八块、100 步："
           "层 {deep_layer}、批量 {deep_batch}；没有归一化时，{deep_runs} 次训练"
           "有 {deep_lost} 次溢出。")),
    Claim("2.5.1", "1.2", "advice", "right", ("16", "18"),
          ("Transfer from a pretrained model saves training time and makes the model better.",
           "用预训练模型作迁移学习，能省训练时间，效果也更好。"),
          ("On the task that we measured, yes, at every number of examples. A step becomes no "
           "quicker: fewer steps and fewer labels are needed. And the time was spent before, by "
           "others.",
           "在我们测过的任务上，无论样本多少，都对。但每一步并没有变快：省下的是步数和标注。"
           "而且那些时间别人已经花过了。"),
          ("128 examples of six kinds of question: a new model {small_128}, a new head "
           "{head_128}, LoRA {lora_128}. 1,024 examples: fine-tuning {full_1024}, the same model "
           "from scratch {scratch_1024}.",
           "六类问题、128 个样本：新模型 {small_128}，只训练输出层 {head_128}，LoRA {lora_128}。"
           "1,024 个样本：全部微调 {full_1024}，同一模型从零开始 {scratch_1024}。")),
    Claim("2.5.2", "1.1", "claim", "right", ("22",),
          ("Computing a Transformer takes many matrix products.",
           "Transformer 的计算要用到大量矩阵运算。"),
          ("About 6 operations for each weight and token of a training step, and T² more.",
           "训练一步，每个权重、每个词元约 6 次运算，另加 T² 项。"),
          ("One step at the article's size, one pair of texts: {operations} million million "
           "operations.",
           "按文章的规模、一对文本训练一步：{operations} 万亿次运算。")),
    Claim("2.5.2", "1.2", "advice", "partly", ("21", "22", "23"),
          ("In a distributed setting, distributed matrix products make the model scale further.",
           "在分布式环境中，可用分布式矩阵运算进一步提高可扩展性。"),
          ("They can, and their gradients equal those of one process. But what is sent costs "
           "time, and a divided heap is as large as before. One machine has remedies of its own: "
           "tiles, recomputing, fewer bytes for a weight.",
           "可以，而且梯度与单个进程的相同。但传输要花时间，内存只是分摊，并没有变少。"
           "单机另有办法：分块、重新计算、用更少的字节存权重。"),
          ("Two processes have the gradients of one to {shared_error}, in {shared_models} cases "
           "(a part of the batch, of each matrix, of the text; three kinds of models). On two "
           "cores a small decoder's step is {faster_data}, {faster_tensor} and {faster_sequence} "
           "times as fast as by one. Without a second core, tiles and recomputing bring the "
           "article's step from {plain_gib} to {tiles_gib} GiB.",
           "{shared_models} 种情形（分批次、分矩阵、分文本；三类模型），两个进程的梯度"
           "与一个进程的相差不过 {shared_error}。用两个核心，一个小解码器的一步，速度分别是"
           "单进程的 {faster_data}、{faster_tensor}、{faster_sequence} 倍。不增加核心，"
           "分块与重新计算把文章规模的一步从 {plain_gib} GiB 降到 {tiles_gib} GiB。")),
    Claim("2.5.3", "1.1", "advice", "partly", ("23",),
          ("Signed code and checked inputs protect the model from attacks.",
           "给代码签名、校验输入数据，可以防止模型受到攻击。"),
          ("Both are worth having. A signature says who made a file and that nobody changed it, "
           "not that it does no harm. Left out is what is loaded most often, the weights: they "
           "need a format that cannot run, sizes that are compared with the bytes that are there, "
           "and a signature of their own. What a model says to skilful questions is another "
           "matter, and none of these touches it.",
           "两样都值得做。签名只说明文件出自谁手、没有被改过，并不说明它无害。"
           "漏掉的是最常加载的东西："
           "权重。权重要用不能执行代码的格式，文件头所说的大小要与实有的字节核对，本身也要签名。"
           "至于有人用巧妙的提问诱导模型，那是另一回事，这些办法都管不着。"),
          ("One bit of one weight is turned, and it becomes {bit_weight}: the model runs without "
           "an error, with a loss of {bit_turned} in place of {bit_whole}. A signature finds it.",
           "把一个权重翻转一位，它就变成 {bit_weight}：模型照常运行，没有报错，"
           "损失由 {bit_whole} 变成 {bit_turned}。签名能发现它。")),
    Claim("7.1", "1.1", "claim", "partly", ("15", "18"),
          ("It is a strong language model and can be moved to other tasks, with adjustments.",
           "它是很强的语言模型，也能用到别的任务上，只是要作调整。"),
          ("True in two senses that should be kept apart. The blocks move unchanged, with "
           "another way in and out. The learned numbers move too, and save examples. A language "
           "model is what one makes of it, not what it is.",
           "这话有两层意思，应当分开。一是结构：块一字不改，只换输入端和输出端。二是学到的参数："
           "也能搬过去，省的是样本。“语言模型”是一种用法，不是它的本质。"),
          ("Speakers {voices}, digits {digits}, with the blocks untouched; questions with 128 "
           "labels {lora_128} in place of {small_128}.",
           "块不变：说话人 {voices}，手写数字 {digits}；128 个标注的问题分类，"
           "由 {small_128} 升到 {lora_128}。")),
    Claim("7.2", "1.1", "claim", "partly", ("20", "21", "22"),
          ("For all its strength it has weak points: the same three.",
           "虽然又强又灵活，仍有那三个短处。"),
          ("Named a third time, still without a size. Each can be worked on, and the price "
           "measured.",
           "第三次提起，仍没有大小。每一条都可以着手改进，代价也量得出来。"),
          ("Size: weights in one byte take {bits8_share} of the memory, and {bits8_right} of "
           "{bits8_asked} translations stay right. Inside: repeated text costs a model of two "
           "blocks {induction_two} nats a token, of one block {induction_one}; in all "
           "{induction_models} models the two heads that do it were found.",
           "大小：权重各用一个字节，内存为原来的 {bits8_share}，"
           "{bits8_asked} 个译文中 {bits8_right} 个仍然正确。"
           "内部：重复的文本，两个块的模型每词元损失 {induction_two} nat，"
           "一个块的 {induction_one}；"
           "{induction_models} 个模型里都找到了起作用的那两个头。")),
    Claim("7.3", "1.1", "advice", "partly", ("10", "13", "18"),
          ("How to make it better and steadier? Batch norm, residuals, a pretrained model.",
           "怎样更好、更稳？仍是那三样：批量归一化、残差、预训练。"),
          ("The list of 2.5.1. What steadies a training most is not in it: where the norm stands, "
           "the warm-up, the learning rate, clipping.",
           "就是 2.5.1 的清单。对训练稳定最要紧的却不在其中：归一化放在哪里、预热、学习率、"
           "梯度裁剪。"),
          ("Translations without a mistake after a short training: {recipe_whole} with the whole "
           "recipe, {recipe_cold} without warm-up, {recipe_post_cold} with the norm behind the sum "
           "as well.",
           "短训练之后完全正确的译文：完整配方 {recipe_whole}，去掉预热 {recipe_cold}，"
           "再把归一化移到残差之后 {recipe_post_cold}。")),
    Claim("7.4", "1.1", "advice", "partly", ("21", "22", "23"),
          ("How to make it scale? By distributed matrix products and the like.",
           "怎样才能扩展得更大？用分布式矩阵运算之类的技术。"),
          ("One way of several, and the last to try: first make the work smaller, then divide it.",
           "只是多种办法之一，而且应当最后才用：先把工作变小，再分给多台机器。"),
          ("Where {weights_gib} of {plain_gib} GiB need not exist at all, dividing them is the "
           "dearer way.",
           "{plain_gib} GiB 里有 {weights_gib} GiB 根本不必存在，拿去分摊是更贵的做法。")),
)
