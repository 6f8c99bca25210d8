module qkms

go 1.26
