module tollhouse/loadgen

go 1.24
