"""Customer Insights' own REST API.

source        the way in
member_pages  members, page by page
answers       its answers as a library of Microsoft models them
"""
