"""`python -m samtok_bench` is `samtok-bench`."""

from samtok_bench.cli.main import main

if __name__ == "__main__":
    main()
