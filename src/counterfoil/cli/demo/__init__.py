"""The main job, told as a story on real data: what `counterfoil demo` runs."""
