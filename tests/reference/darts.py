"""Parameters of the networks that DARTS trained in the end, counted module by module after its published `model.py`.

    python tests/reference/darts.py > tests/reference/darts.txt

CIFAR-10, 36 initial channels, 20 cells, without the auxiliary head. Plain Python: every module is its number of parameters. The
authors' log names 3.349342 M for DARTS_V2.
"""


def conv(cin, cout, kernel, groups=1):
    return cout * (cin // groups) * kernel * kernel


def batch_norm(channels):
    return 2 * channels


def relu_conv_bn(cin, cout):
    return conv(cin, cout, 1) + batch_norm(cout)


def factorized_reduce(cin, cout):
    return conv(cin, cout // 2, 1) + conv(cin, cout // 2, 1) + batch_norm(cout)


def sep_conv(c, kernel):
    once = conv(c, c, kernel, groups=c) + conv(c, c, 1) + batch_norm(c)
    return once + once


def dil_conv(c, kernel):
    return conv(c, c, kernel, groups=c) + conv(c, c, 1) + batch_norm(c)


OPS = {
    "max_pool_3x3": lambda c, stride: 0,
    "avg_pool_3x3": lambda c, stride: 0,
    "skip_connect": lambda c, stride: 0 if stride == 1 else factorized_reduce(c, c),
    "sep_conv_3x3": lambda c, stride: sep_conv(c, 3),
    "sep_conv_5x5": lambda c, stride: sep_conv(c, 5),
    "dil_conv_3x3": lambda c, stride: dil_conv(c, 3),
    "dil_conv_5x5": lambda c, stride: dil_conv(c, 5),
}

GENOTYPES = {
    "DARTS_V1": (
        [("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 0), ("sep_conv_3x3", 1),
         ("skip_connect", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 2)],
        [("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 0),
         ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("avg_pool_3x3", 0)],
    ),
    "DARTS_V2": (
        [("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
         ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
        [("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
         ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)],
    ),
}


def network(genotype, c=36, classes=10, layers=20, stem_multiplier=3, multiplier=4):
    normal, reduce = genotype
    count = conv(3, stem_multiplier * c, 3) + batch_norm(stem_multiplier * c)
    c_prev_prev = c_prev = stem_multiplier * c
    reduction_prev = False
    for i in range(layers):
        reduction = i in [layers // 3, 2 * layers // 3]
        if reduction:
            c *= 2
        count += factorized_reduce(c_prev_prev, c) if reduction_prev else relu_conv_bn(c_prev_prev, c)
        count += relu_conv_bn(c_prev, c)
        for name, index in reduce if reduction else normal:
            count += OPS[name](c, 2 if reduction and index < 2 else 1)
        reduction_prev = reduction
        c_prev_prev, c_prev = c_prev, multiplier * c
    return count + c_prev * classes + classes


for name, genotype in GENOTYPES.items():
    print(name, network(genotype))
