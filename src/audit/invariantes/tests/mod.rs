mod sano;
