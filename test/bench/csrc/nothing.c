/* A program that ends at once. Linked statically it is gone sooner than any other. */
int main(void) { return 0; }
