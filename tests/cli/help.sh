corong help
corong help funnel
corong replay --help | head -n 3
