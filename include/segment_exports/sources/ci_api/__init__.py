"""Customer Insights' own REST API.

source   the way in
answers  its answers as a library of Microsoft models them
"""
