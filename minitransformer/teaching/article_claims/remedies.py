"""The article's sections 2.5 and 7: its advice, and its questions with their answers."""

from minitransformer.teaching.article_claims.claim import Claim

CLAIMS = (
    Claim("2.5.1", "1.1", "advice", "partly", ("07", "13"),
          ("Batch norm and residual connections make a Transformer better and steadier.",
           "用上批量归一化和残差连接，模型会更好、更稳。"),
          ("Residuals: yes, but a Transformer has them already (1 ¶1.2), and they alone do not "
           "steady a deep stack. It needs a norm: without one it explodes. Two blocks a side with "
           "clipped gradients do best with none. Beside layer norm, batch norm (in the encoder "
           "only) is undecided after 100 steps, ahead with eight blocks, behind after 300 steps "
           "with two. And it has a price: it ties a text to its neighbours in the batch, and "
           "would show a causal model the future.",
           "残差：对，不过 Transformer 本来就有（见 1 ¶1.2），单靠残差，块一多也不稳。"
           "块多时确实要有归一化，否则梯度会爆炸；每侧只有两块、又裁剪梯度时，没有归一化反而最好。"
           "批量归一化（只用在编码器里）与层归一化相比：100 步时无法判定，每侧八块时领先，"
           "两块、300 步时落后。它还有代价：一段文本的结果会受同批其他文本影响，"
           "放进因果模型还会泄露未来。"),
          ("After 64 fresh blocks with skip paths the gradient is 10^{power_none} times as long "
           "without a norm, 10^{power_layer} with layer norm. A small translator's loss after 100 "
           "steps, each at its best rate: layer {norm_layer}, batch {norm_batch}, none "
           "{norm_none}; after 300: {late_layer}, {late_batch}, {late_none}. With eight "
           "blocks a side, after 100: layer {deep_layer}, batch {deep_batch}, none: "
           "{deep_lost} of {deep_runs} runs overflowed.",
           "穿过 64 个未经训练、带捷径的块，梯度变长的倍数：无归一化 10^{power_none}，"
           "层归一化 10^{power_layer}。小翻译器训练 100 步的损失（各取最好的学习率）："
           "层归一化 {norm_layer}、批量归一化 {norm_batch}、无归一化 {norm_none}；300 步："
           "依次为 {late_layer}、{late_batch}、{late_none}。每侧八块、100 步："
           "层归一化 {deep_layer}、批量归一化 {deep_batch}；无归一化时，"
           "{deep_runs} 次训练中 {deep_lost} 次溢出。")),
    Claim("2.5.1", "1.2", "advice", "partly", ("16", "18"),
          ("Transfer from a pretrained model saves training time and makes the model better.",
           "从预训练模型迁移，能省训练时间，模型也更好。"),
          ("Better: yes, on the one task that we measured, at every number of examples. Time: that "
           "depends on the rival. No step becomes quicker; a small new model is done sooner, and "
           "is worse. What is saved is steps to a given accuracy, and labels. And the time was "
           "spent before, by others.",
           "更好：在我们测过的这一个任务上，无论样本多少都对。时间：要看与谁比。"
           "每一步并没有变快；小的新模型更早训练完，只是不如它准。"
           "省下的是达到同样准确率所需的步数，以及标注。而且预训练的时间，别人早已花过了。"),
          ("128 examples of six kinds of question: a new model {small_128}, a new head {head_128}, "
           "LoRA {lora_128}. 1,024 examples: fine-tuning {full_1024}, the same model from scratch "
           "{scratch_1024}. Time: with 128 examples LoRA takes {lora_spent} s, the new model "
           "{small_spent} s; with 1,024, LoRA is at {lora_soon} after {lora_seconds} s, the new "
           "model at {small_soon} after {small_seconds} s (validation).",
           "给问题分六类，128 个样本的准确率：新模型 {small_128}，只训练输出层 {head_128}，"
           "LoRA {lora_128}。1,024 个样本：全量微调 {full_1024}，"
           "同一模型从零训练 {scratch_1024}。时间：128 个样本，LoRA 要 {lora_spent} 秒，"
           "新模型 {small_spent} 秒；1,024 个样本，LoRA 训练 {lora_seconds} 秒达到 {lora_soon}，"
           "新模型 {small_seconds} 秒达到 {small_soon}（验证集）。")),
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
           "有多台机器时，把矩阵运算分到各台去做，模型就能扩展得更大。"),
          ("They can, and their gradients equal those of one process. But what is sent costs "
           "time, and a divided heap is as large as before. One machine has remedies of its own: "
           "tiles, recomputing, fewer bytes for a weight.",
           "可以，而且梯度与单个进程算的相同。但传输要花时间；内存只是分摊开来，"
           "总量并没有变少。单机另有办法：分块、重新计算、用更少的字节存权重。"),
          ("Two processes have the gradients of one to {shared_error}, in {shared_models} cases "
           "(a part of the batch, of each matrix, of the text; three kinds of models). On two "
           "cores a small decoder's step is {faster_data}, {faster_tensor} and {faster_sequence} "
           "times as fast as by one. Without a second core, tiles and recomputing bring the "
           "article's step from {plain_gib} (counted) to {tiles_gib} GiB (measured).",
           "{shared_models} 种情形（分批次、分矩阵、分文本；三类模型），"
           "两个进程的梯度与一个进程的相差不过 {shared_error}。用两个核心训练一个小解码器，"
           "三种分法每一步的速度依次是单进程的 {faster_data}、{faster_tensor}、"
           "{faster_sequence} 倍。不增加核心，分块与重新计算把文章规模的一步从 {plain_gib} "
           "GiB（计算值）降到 {tiles_gib} GiB（实测）。")),
    Claim("2.5.3", "1.1", "advice", "partly", ("23",),
          ("Signed code, checked inputs and the like protect the model from attacks.",
           "给代码签名、校验输入数据等，就能保护模型不受攻击。"),
          ("Both are worth having. A signature says who made a file and that nobody changed it, "
           "not that it does no harm. Not named is what is loaded most often, the weights: they "
           "need a format that cannot run, sizes that are compared with the bytes that are there, "
           "and a signature of their own. What a model says to skilful questions is another "
           "matter, and none of these touches it.",
           "两样都值得做。签名只说明文件出自谁手、没有被改过，并不说明它无害。"
           "没有点名的是最常加载的东西：权重。权重要用不能执行代码的格式，"
           "文件里声明的大小要与实际的字节数核对，文件本身也要签名。"
           "至于有人用巧妙的提问诱导模型，那是另一回事，这些办法都管不着。"),
          ("One bit of one weight of a fresh model is turned, and it becomes {bit_weight}: the "
           "model runs without an error, with a loss of {bit_turned} in place of {bit_whole}. A "
           "signature finds it. (The lesson does the same to another model.)",
           "把一个未经训练的模型里一个权重的一个比特翻转，它就变成 {bit_weight}："
           "模型照常运行，没有报错，"
           "损失由 {bit_whole} 变成 {bit_turned}。签名能发现它。"
           "（对应的那一课对另一个模型做了同样的事。）")),
    Claim("7.1", "1.1", "claim", "partly", ("15", "18"),
          ("It is a strong model for natural language and can be moved to other tasks, with "
           "adjustments.",
           "它是很强的自然语言处理模型，也能用到别的任务上，只是要作调整。"),
          ("True in two senses that should be kept apart. The blocks move unchanged, with "
           "another way in and out. The learned numbers move too, and save examples. Language is "
           "one use of it, not what it is.",
           "这话在两层意思上都对，但应当分开。一是结构：块原封不动，只换输入端和输出端。"
           "二是学到的参数：也能搬过去，省下的是样本。处理语言只是它的一种用途，不是它的本质。"),
          ("Speakers {voices}, handwritten digits {digits}, with the blocks untouched; questions "
           "with 128 labels {lora_128} in place of {small_128}.",
           "块不变：辨认说话人 {voices}，手写数字 {digits}；问题分类，用 128 个标注样本，"
           "由 {small_128} 升到 {lora_128}。")),
    Claim("7.2", "1.1", "claim", "partly", ("20", "21", "22"),
          ("For all its strength it has weak points: the same three.",
           "虽然又强又灵活，仍有那三个短处。"),
          ("Named a third time, still without a size. Each can be worked on, and the price "
           "measured.",
           "第三次提起，仍没说有多大。每一条都可以着手改进，代价也量得出来。"),
          ("Size: weights in one byte take {bits8_share} of the memory, and {bits8_right} of "
           "{bits8_asked} translations stay right. Inside: repeated text costs a model of two "
           "blocks {induction_two} nats a token, of one block {induction_one}. "
           "Without its strongest previous-token head, {gone_models} of {induction_models} models "
           "are at {gone_next} to {gone_most}, the other at {gone_least}.",
           "大小：每个权重只用一个字节，内存为原来的 {bits8_share}，"
           "{bits8_asked} 个译文中 {bits8_right} 个仍然正确。内部：对重复的文本，"
           "两个块的模型每词元损失 {induction_two} 奈特（nat），一个块的 {induction_one}；"
           "去掉最强的“前一词元头”，{induction_models} 个模型中有 {gone_models} 个升到 "
           "{gone_next} 至 {gone_most}，另一个为 {gone_least}。")),
    Claim("7.3", "1.1", "advice", "partly", ("10", "13", "18"),
          ("How to make it better and steadier? Batch norm, residuals, a pretrained model and the "
           "like.",
           "怎样更好、更稳？仍是那几样：批量归一化、残差、预训练等。"),
          ("The list of 2.5.1. Left out are other things that steady a training: where the norm "
           "stands, the warm-up, the learning rate, clipping.",
           "就是 2.5.1 的清单。另外几样也关系到训练稳定，却没有提到：归一化放在哪里、预热、"
           "学习率、梯度裁剪。"),
          ("Translations without a mistake after a short training: {recipe_whole} with the whole "
           "recipe, {recipe_cold} without warm-up, {recipe_post_cold} with the norm behind the sum "
           "as well.",
           "短时间训练之后，完全正确的译文所占比例：完整配方 {recipe_whole}，"
           "去掉预热 {recipe_cold}，再把归一化移到残差相加之后 {recipe_post_cold}。")),
    Claim("7.4", "1.1", "advice", "partly", ("21", "22", "23"),
          ("How to make it scale? By distributed matrix products and the like.",
           "怎样才能扩展得更大？用分布式矩阵运算之类的技术。"),
          ("One way of several. For time it helps (2.5.2). For memory, first make the work "
           "smaller, then divide it.",
           "这只是几种办法之一。要省时间，它有用（见 2.5.2）；要省内存，"
           "应当先把需要的内存变小，再分给多台机器。"),
          ("Where {weights_gib} of {plain_gib} GiB need not exist at all, dividing them is the "
           "dearer way.",
           "{plain_gib} GiB 里有 {weights_gib} GiB 根本不必存在，拿去分摊反而是更贵的做法。")),
)
